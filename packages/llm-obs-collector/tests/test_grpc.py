"""OTLP over gRPC, against the specification's rules, with the real OpenTelemetry exporters too."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import ApiKey, GrpcReceiver
from llm_obs_core.errors import ConfigError, LimitError, RetryableError, WireError
from llm_obs_core.interfaces import Outcome
from llm_obs_core.model import Rejection
from llm_obs_core.signals import TRACES
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from receiving import Remembering, http_server

EXPORT = TRACES.grpc_method or ""
KEY = ApiKey("k1", hashlib.sha256(b"secret").hexdigest(), tenant="acme")


@asynccontextmanager
async def grpc_server(
    consumer: Remembering,
    *,
    keys: tuple[ApiKey, ...] = (),
    max_request_bytes: int = 64 << 20,
    max_in_flight_bytes: int = 256 << 20,
) -> AsyncIterator[GrpcServer]:
    server = GrpcServer(
        GrpcReceiver(listen="127.0.0.1:0"),
        max_request_bytes=max_request_bytes,
        authorizer=Authorizer(keys),
        budget=Budget(max_in_flight_bytes),
    )
    await server.start(consumer)
    try:
        yield server
    finally:
        await server.stop()


async def call(server: GrpcServer, body: bytes, method: str = EXPORT, **metadata: str) -> bytes:
    async with grpc.aio.insecure_channel(server.address, options=[("grpc.max_send_message_length", -1)]) as channel:
        answer: bytes = await channel.unary_unary(method)(body, metadata=tuple(metadata.items()), timeout=30)
        return answer


async def test_success_is_an_empty_message() -> None:
    consumer = Remembering()
    async with grpc_server(consumer) as server:
        assert await call(server, b"payload") == b""
    assert consumer.payloads == [b"payload"]


async def test_partial_success() -> None:
    async with grpc_server(Remembering(Outcome(1, (Rejection("span_id_zero", 2, 3),)))) as server:
        partial = ExportTraceServiceResponse.FromString(await call(server, b"x")).partial_success
    assert partial.rejected_spans == 3
    assert "span 2" in partial.error_message


@pytest.mark.parametrize(
    ("error", "code", "delay_s"),
    [
        (WireError("a varint"), grpc.StatusCode.INVALID_ARGUMENT, None),
        (LimitError("at most 65536 spans"), grpc.StatusCode.RESOURCE_EXHAUSTED, None),
        (RetryableError("room", retry_after_s=1.5), grpc.StatusCode.UNAVAILABLE, 1.5),
        (RuntimeError("secret detail"), grpc.StatusCode.INTERNAL, None),
    ],
)
async def test_codes(error: Exception, code: grpc.StatusCode, delay_s: float | None) -> None:
    async with grpc_server(Remembering(error)) as server:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(server, b"x")
    assert caught.value.code() is code
    assert "secret" not in (caught.value.details() or "")
    trailing = dict(caught.value.trailing_metadata() or ())
    if delay_s is None:
        assert "grpc-status-details-bin" not in trailing
    else:
        info = RetryInfo()
        assert Status.FromString(trailing["grpc-status-details-bin"]).details[0].Unpack(info)
        assert info.retry_delay.ToTimedelta().total_seconds() == delay_s


async def test_oversize_unknown_method_and_keys() -> None:
    consumer = Remembering()
    async with grpc_server(consumer, keys=(KEY,), max_request_bytes=1000) as server:
        for body, method, metadata, code in [
            (b"x" * 1001, EXPORT, {"authorization": "Bearer secret"}, grpc.StatusCode.RESOURCE_EXHAUSTED),
            (b"x", EXPORT + "s", {}, grpc.StatusCode.UNIMPLEMENTED),
            (b"x", EXPORT, {}, grpc.StatusCode.UNAUTHENTICATED),
            (b"x", EXPORT, {"authorization": "Bearer other"}, grpc.StatusCode.UNAUTHENTICATED),
        ]:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(server, body, method, **metadata)
            assert caught.value.code() is code
        assert consumer.payloads == []
        await call(server, b"x", authorization="Bearer secret")
    assert consumer.contexts[0].tenant == "acme"


@pytest.mark.parametrize("messages", [0, 2, 3])
async def test_a_call_brings_one_message(messages: int) -> None:
    """Others would be answered OK without being stored."""
    consumer = Remembering()
    async with grpc_server(consumer) as server, grpc.aio.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.stream_unary(EXPORT)(iter([b"payload"] * messages), timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "one message" in (caught.value.details() or "")
    assert consumer.payloads == []


async def test_a_taken_port_names_key_and_repair() -> None:
    async with grpc_server(Remembering()) as server:
        second = GrpcServer(
            GrpcReceiver(listen=server.address), max_request_bytes=1, authorizer=Authorizer(()), budget=Budget(1)
        )
        with pytest.raises(ConfigError, match=r"receiver\.grpc\.listen.*another port"):
            await second.start(Remembering())


def finished_spans(count: int) -> list[ReadableSpan]:
    tracer = TracerProvider().get_tracer("tests")
    spans = []
    for number in range(count):
        span = tracer.start_span(f"span {number}")
        span.end()
        assert isinstance(span, ReadableSpan)
        spans.append(span)
    return spans


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
async def test_the_opentelemetry_http_exporter_is_understood(compression: Compression) -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        exporter = HttpExporter(endpoint=f"http://{server.address}/v1/traces", compression=compression)
        assert await asyncio.to_thread(exporter.export, finished_spans(3)) is SpanExportResult.SUCCESS
        exporter.shutdown()
    request = ExportTraceServiceRequest.FromString(consumer.payloads[0])
    assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == ["span 0", "span 1", "span 2"]


async def test_the_opentelemetry_grpc_exporter_is_understood() -> None:
    consumer = Remembering()
    async with grpc_server(consumer) as server:
        exporter = GrpcExporter(endpoint=server.address, insecure=True)
        assert await asyncio.to_thread(exporter.export, finished_spans(3)) is SpanExportResult.SUCCESS
        exporter.shutdown()
    assert len(ExportTraceServiceRequest.FromString(consumer.payloads[0]).resource_spans) == 1
