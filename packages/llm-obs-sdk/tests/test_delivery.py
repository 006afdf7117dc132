import gc
import logging
import os
import random
import socket
import threading
import time

import llm_obs_sdk as sdk
import pytest
from llm_obs_core.errors import ConfigError
from llm_obs_sdk import retry, sampling
from llm_obs_sdk.transport import Reply
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON


def exact(result):
    return result.created == result.exported + result.queued + sum(result.dropped.values())


def test_ledger_is_exact_with_a_server_failing_at_random(collector, monkeypatch):
    monkeypatch.setattr(retry, "MAX_DELAY_S", 0.01)
    monkeypatch.setattr("llm_obs_sdk.delivery.backoff_s", lambda attempt, asked=0.0: 0.001)
    chance = random.Random(3)
    collector.answer = lambda attempt: (
        chance.choice([200, 200, 429, 502, 503, 504, 0, 400, 500]),
        {"Retry-After": "0"},
        b"",
    )
    client = sdk.init("t", endpoint=collector.url, instrument=(), batch_bytes=20_000, queue_bytes=2_000_000)

    def work():
        for i in range(1000):
            span = client.tracer.start_span("s", attributes={"i": i, "text": "x" * 50})
            if i % 7 == 0:
                span.set_status(trace.StatusCode.ERROR)
            span.end()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert exact(client.ledger())
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    result = sdk.flush(30)
    assert exact(result)
    assert (result.created, result.queued) == (8_000, 0)
    assert result.exported == len(collector.spans())
    assert result.dropped.keys() <= {"http_400", "http_500", "queue_full"}
    assert result.dropped.get("http_400")


@pytest.mark.parametrize("status", range(400, 600))
def test_only_four_codes_are_retried(status):
    action = retry.judge(Reply(status, {}, b""), 1).action
    assert (action == "retry") == (status in {429, 502, 503, 504})
    assert (action == "split") == (status == 413)


def test_retry_after_and_jitter():
    assert retry.retry_after_s("3") == 3
    assert retry.retry_after_s("1000000000") == retry.MAX_DELAY_S
    assert retry.retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry.retry_after_s("soon") == 0
    waits = [retry.backoff_s(3) for _ in range(20)]
    assert all(1.0 <= wait <= 3.0 for wait in waits)
    assert len(set(waits)) > 1


def test_partial_success_counts_as_rejected(client, collector):
    collector.answer = lambda attempt: (200, {}, b"\x0a\x09\x08\x01\x12\x05sorry")
    for _ in range(3):
        client.tracer.start_span("s").end()
    result = sdk.flush(5)
    assert (result.exported, result.dropped, collector.attempts) == (2, {"rejected": 1}, 1)
    assert not result.ok


def test_413_splits_down_to_the_span_that_is_too_large(client, collector):
    sizes = []

    def answer(attempt):
        return (200, {}, b"")

    collector.answer = answer
    real = client.delivery._connection.post

    def post(body, encoding=""):
        sizes.append(len(body))
        return Reply(413, {}, b"") if len(body) > 50_000 else real(body, encoding)

    client.delivery._connection.post = post
    for i in range(20):
        client.tracer.start_span(f"s{i}", attributes={"k": "x" * (60_000 if i == 5 else 1000)}).end()
    result = sdk.flush(5)
    assert (result.exported, result.dropped) == (19, {"too_large": 1})
    assert len(collector.spans()) == 19


def test_a_refused_key_is_said_with_the_collectors_words_and_the_repair(collector, caplog):
    message = b"expected a known API key"
    collector.answer = lambda attempt: (401, {}, b"\x08\x10\x12" + bytes([len(message)]) + message)
    client = sdk.init("t", endpoint=collector.url, api_key="wrong", instrument=(), exit_timeout_s=0.1)
    caplog.set_level(logging.WARNING)
    client.tracer.start_span("s").end()
    result = sdk.flush(5)
    assert (result.dropped, result.failures) == ({"http_401": 1}, "HTTP 401: expected a known API key")
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "llm_obs.sdk"]
    assert "HTTP 401: expected a known API key" in warning
    assert warning.endswith("Correct the key (init(api_key=…) or LLM_OBS_API_KEY).")
    assert "wrong" not in warning


def test_unreachable_collector_warns_once_and_names_the_repair(caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = sdk.init("t", endpoint=url, instrument=(), exit_timeout_s=0.1)
        caplog.set_level(logging.WARNING)
        for _ in range(3):
            client.tracer.start_span("s").end()
            result = sdk.flush(0.2)
        assert (result.ok, result.queued, result.exported) == (False, 3, 0)
        assert "Refused" in result.failures
        warnings = [record.getMessage() for record in caplog.records if record.name == "llm_obs.sdk"]
        assert len(warnings) == 1
        assert "LLM_OBS_ENDPOINT" in warnings[0]
        final = sdk.shutdown(0.2)
    assert exact(final)
    assert (final.dropped, final.queued) == ({"shutdown": 3}, 0)
    client.tracer.start_span("late").end()
    assert client.ledger().dropped == {"shutdown": 4}


def test_an_answer_that_is_too_large_is_not_read(client, collector):
    collector.answer = lambda attempt: (200, {}, b"x" * (5 * 1024 * 1024))
    client.tracer.start_span("s").end()
    assert sdk.flush(5).dropped == {"response_too_large": 1}


def test_gzip_headers_and_key(collector):
    sdk.init("t", endpoint=collector.url, instrument=(), compression="gzip", api_key="k3y", headers={"X-A": "b"})
    with sdk.span("s"):
        pass
    assert sdk.flush(5).ok
    assert collector.headers[0]["Authorization"] == "Bearer k3y"
    assert (collector.headers[0]["Content-Encoding"], collector.headers[0]["X-A"]) == ("gzip", "b")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own_queue_ledger_and_ids(client, collector):
    client.tracer.start_span("parent").end()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            span = client.tracer.start_span("child")
            span.end()
            result = sdk.flush(5)
            os.write(writing, b"%d %d %032x" % (result.created, result.exported, span.get_span_context().trace_id))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    created, exported, trace_id = os.read(reading, 200).split()
    os.close(reading)
    os.close(writing)
    assert (created, exported) == (b"1", b"1")
    mine = client.tracer.start_span("after")
    assert mine.get_span_context().trace_id != int(trace_id, 16)
    mine.end()
    assert sdk.flush(5).exported == 2
    assert sorted(span.name for span in collector.spans()) == ["after", "child", "parent"]


def test_init_three_times_is_one_client(collector):
    provider = TracerProvider(shutdown_on_exit=False)
    for _ in range(3):
        client = sdk.init("t", endpoint=collector.url, instrument=(), tracer_provider=provider)
    with sdk.span("s"):
        pass
    assert sdk.flush(5).created == 1
    assert sdk.current() is client
    assert trace.get_tracer_provider() is not provider
    gc.collect()
    assert sum(thread.name == "llm-obs-delivery" for thread in threading.enumerate()) == 1


def test_attached_takes_model_spans_and_their_ancestors_alone(collector):
    provider = TracerProvider(shutdown_on_exit=False)
    theirs = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    sdk.init("t", endpoint=collector.url, instrument=(), tracer_provider=provider)
    tracer = provider.get_tracer("web")
    with tracer.start_as_current_span("GET /"):
        with tracer.start_as_current_span("SELECT"):
            pass
        with sdk.context(user="ann"), tracer.start_as_current_span("chat m", attributes={"gen_ai.request.model": "m"}):
            pass
    with tracer.start_as_current_span("GET /health"):
        pass
    assert sdk.flush(5).created == 2
    spans = collector.by_name()
    assert set(spans) == {"GET /", "chat m"}
    assert {"user.id": "ann"}.items() <= {a.key: a.value.string_value for a in spans["chat m"].attributes}.items()
    assert len(theirs.get_finished_spans()) == 4


def test_attached_the_sample_rate_keeps_whole_traces_and_others_see_all(collector, caplog):
    provider = TracerProvider(shutdown_on_exit=False)
    theirs = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    sdk.init("t", endpoint=collector.url, instrument=(), tracer_provider=provider, sample_rate=0.25)
    tracer = provider.get_tracer("web")
    for _ in range(400):
        with tracer.start_as_current_span("GET /"), tracer.start_as_current_span("chat m", attributes={"gen_ai.a": 1}):
            pass
    floor = sampling.threshold(0.25)
    kept = {s.context.trace_id for s in theirs.get_finished_spans() if s.context.trace_id & ((1 << 56) - 1) >= floor}
    result = sdk.flush(5)
    assert 50 < len(kept) < 150
    assert (result.created, result.sampled_out) == (2 * len(kept), 2 * (400 - len(kept)))
    spans = collector.spans()
    assert {int.from_bytes(span.trace_id, "big") for span in spans} == kept
    assert {span.trace_state for span in spans} == {"ot=th:c"}
    assert len(theirs.get_finished_spans()) == 800
    assert all(not span.context.trace_state for span in theirs.get_finished_spans())
    assert caplog.records == []


def test_attached_the_providers_variables_do_not_count_twice(collector, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    provider = TracerProvider(shutdown_on_exit=False, sampler=ALWAYS_ON)
    sdk.init("t", endpoint=collector.url, instrument=(), tracer_provider=provider)
    provider.get_tracer("web").start_span("chat m", attributes={"gen_ai.a": 1}).end()
    assert sdk.flush(5).created == 1


@pytest.mark.parametrize(
    ("state", "low", "expected"),
    [
        ("", "0fffffffffffff", None),
        ("", "80000000000000", "th:8"),
        ("rv:ffffffffffffff", "00000000000000", "th:8;rv:ffffffffffffff"),
        ("rv:00000000000000", "ffffffffffffff", None),
        ("th:4", "ffffffffffffff", "th:8"),
        ("th:c;x:1", "ffffffffffffff", "th:c;x:1"),
        ("th:no;rv:short", "ffffffffffffff", "th:8;rv:short"),
    ],
)
def test_a_kept_traces_threshold_is_the_higher_one(state, low, expected):
    states = trace.TraceState([("a", "b"), ("ot", state)] if state else [("a", "b")])
    context = trace.SpanContext(int("1" * 18 + low, 16), 1, False, trace.TraceFlags(1), states)
    found = sampling.kept(context, 1 << 55)
    assert (found and found.state["ot"]) == expected
    assert found is None or found.state["a"] == "b"


def test_a_provider_without_processors_is_refused_by_name():
    with pytest.raises(ConfigError, match="add_span_processor"):
        sdk.init("t", tracer_provider=trace.NoOpTracerProvider(), instrument=())


def test_sampling_is_consistent_and_says_its_threshold(collector):
    assert f"{sampling.threshold(0.01):014x}".rstrip("0") == "fd70a4"
    assert (sampling.threshold(1.0), sampling.threshold(0.0)) == (0, 1 << 56)
    client = sdk.init("t", endpoint=collector.url, instrument=(), sample_rate=0.25, keep_errors=False, keep_slow_s=0)
    floor = sampling.threshold(0.25)
    kept = 0
    for _ in range(2000):
        span = client.tracer.start_span("root")
        context = span.get_span_context()
        sampled = context.trace_id & ((1 << 56) - 1) >= floor
        assert span.is_recording() == context.trace_flags.sampled == sampled
        with trace.use_span(span, end_on_exit=True):
            child = client.tracer.start_span("child")
            assert child.is_recording() == sampled
            child.end()
        kept += sampled
        if sampled:
            assert context.trace_state["ot"] == child.get_span_context().trace_state["ot"] == "th:c"
    result = sdk.flush(5)
    assert (result.created, result.sampled_out) == (2 * kept, 2 * (2000 - kept))
    assert 400 < kept < 600
    assert all(span.trace_state == "ot=th:c" for span in collector.spans())


def test_an_opentelemetry_sampler_and_the_environment_are_honoured(collector, monkeypatch):
    client = sdk.init("t", endpoint=collector.url, instrument=(), sampler=ALWAYS_OFF)
    assert not client.tracer.start_span("x").is_recording()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "from-env")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.name=other")
    client = sdk.init(endpoint=collector.url, instrument=())
    assert not client.tracer.start_span("x").is_recording()
    assert client.provider.resource.attributes["service.name"] == "from-env"
    assert client.provider.resource.attributes["team"] == "a b"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    client = sdk.init(endpoint=collector.url, instrument=())
    with sdk.span("x") as span:
        assert not span.is_recording()
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "many")
    monkeypatch.delenv("OTEL_SDK_DISABLED")
    with pytest.raises(ConfigError, match="OTEL_TRACES_SAMPLER_ARG"):
        sdk.init(endpoint=collector.url, instrument=())


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"endpoint": "localhost:4318"}, "endpoint"),
        ({"sample_rate": 2}, "sample_rate"),
        ({"nonsense": 1}, "nonsense"),
        ({"api_key": "a\r\nb"}, "api_key"),
    ],
)
def test_a_wrong_setting_is_named_and_a_key_never_shown(given, where):
    with pytest.raises(ConfigError, match=where) as caught:
        sdk.init("t", instrument=(), **given)
    assert "a\r\nb" not in str(caught.value)


def test_traces_endpoint_is_taken_as_it_is(monkeypatch):
    from llm_obs_sdk.options import resolve

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1/base/")
    assert resolve({})["traces_url"] == "http://a:1/base/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2/exact")
    assert resolve({})["traces_url"] == "http://b:2/exact"


def test_a_failing_instrumentor_is_reported_and_the_others_work(collector, caplog):
    import types

    from llm_obs_core import hookspecs, plugins

    calls = []

    class Good:
        def instrument(self, recorder):
            calls.append(recorder)

        def uninstrument(self):
            calls.append("off")

        def wrapped(self):
            return {"x": True}

    module = types.ModuleType("fakes")
    module.make = lambda options, host: Good()
    module.receiver = lambda options, host: calls.append("receiver")
    import sys

    sys.modules["fakes"] = module
    offering = types.SimpleNamespace()

    def register_instrumentors(register):
        register("bad", "nowhere:Thing")
        register("good", "fakes:make")

    def register_receivers(register):
        register("json", "fakes:receiver")  # named like a library that is there: `auto` would find it

    offering.register_instrumentors = hookspecs.hookimpl(register_instrumentors)
    offering.register_receivers = hookspecs.hookimpl(register_receivers)
    try:
        found = plugins.load(modules={"p": offering}, only=())
        client = sdk.init("t", endpoint=collector.url, instrument=["auto", "bad", "good"], plugins=found)
        assert client.guard.errors == 1
        assert client.wrapped() == {"good": {"x": True}}
        assert calls == [client.recorder]
        sdk.shutdown(1)
        assert calls[1] == "off"
    finally:
        del sys.modules["fakes"]
