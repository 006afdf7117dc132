import os
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import llm_obs_sdk
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """A real HTTP server that keeps what it acknowledges; `answer` decides the status of each request."""

    def __init__(self):
        self.requests = []
        self.headers = []
        self.attempts = 0
        self.answer = lambda attempt: (200, {}, b"")
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                with outer.lock:
                    outer.attempts += 1
                    status, headers, reply = outer.answer(outer.attempts)
                    if status == 200:
                        outer.requests.append(ExportTraceServiceRequest.FromString(body))
                        outer.headers.append(dict(self.headers))
                if status == 0:
                    self.connection.close()
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def spans(self):
        return [s for r in self.requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans]

    def by_name(self):
        return {span.name: span for span in self.spans()}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def attributes(span):
    from opentelemetry.exporter.otlp.proto.common._internal import PB2AnyValue  # noqa: F401

    found = {}
    for item in span.attributes:
        kind = item.value.WhichOneof("value")
        value = getattr(item.value, kind) if kind else None
        found[item.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return found


@pytest.fixture
def collector():
    server = Collector()
    yield server
    server.close()


@pytest.fixture
def client(collector):
    made = llm_obs_sdk.init("tests", endpoint=collector.url, instrument=())
    yield made
    llm_obs_sdk.shutdown(1.0)


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "LLM_OBS_")):
            monkeypatch.delenv(name)
    random.seed(7)
    yield
    llm_obs_sdk.shutdown(0.5)
