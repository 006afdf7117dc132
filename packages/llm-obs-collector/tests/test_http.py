"""OTLP over HTTP, against the specification's rules (opentelemetry-proto, docs/specification.md, OTLP/HTTP)."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import zlib

import pytest
import zstandard
from google.rpc.status_pb2 import Status
from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.decode import decode
from llm_obs_collector.receivers.http import Page, Route
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import ApiKey, HttpReceiver
from llm_obs_core.errors import ConfigError, LimitError, RetryableError, WireError
from llm_obs_core.interfaces import Outcome
from llm_obs_core.model import Rejection
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from receiving import HttpServer, Remembering, http_server, post, read_answer, send

KEY = "secret-key"
KEYS = (
    ApiKey("k1", hashlib.sha256(KEY.encode()).hexdigest(), tenant="acme"),
    ApiKey("k2", hashlib.sha256(b"reader").hexdigest(), scopes=("read",)),
)


async def test_success_is_an_empty_body() -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        answer = await send(server, post(b"payload"))
    assert (answer.status, answer.body, consumer.payloads) == (200, b"", [b"payload"])
    assert answer.headers["content-type"] == "application/x-protobuf"


async def test_partial_success_counts_and_explains() -> None:
    outcome = Outcome(93, (Rejection("trace_id_length", 4, 6), Rejection("span_id_zero", 9, 1)))
    async with http_server(Remembering(outcome)) as server:
        answer = await send(server, post(b"x"))
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, partial.rejected_spans) == (200, 7)
    assert "first at span 4" in partial.error_message


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:])),
        ("zstd", zstandard.compress),
        ("zstd", lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data)),
        ("identity", bytes),
    ],
)
async def test_encodings_arrive_decoded(encoding: str, encode: object) -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        answer = await send(server, post(encode(b"the payload"), f"Content-Encoding: {encoding}"))  # type: ignore[operator]
    assert (answer.status, consumer.payloads) == (200, [b"the payload"])


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(b"x", media="application/json"), 415),
        (post(b"x", media=""), 415),
        (post(b"x", "Content-Encoding: br"), 415),
        (post(b"x", "Content-Encoding: deflate"), 415),
        (post(b"x", path="/v1/trace"), 404),
        (post(b"x", path="/v1/traces/"), 404),
        (b"GET /v1/traces HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (post(b"not gzip", "Content-Encoding: gzip"), 400),
        (post(gzip.compress(b"x" * 1000)[:-9], "Content-Encoding: gzip"), 400),
        (post(b"not zstd", "Content-Encoding: zstd"), 400),
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /v1/traces HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/traces HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/traces HTTP/1.1\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    ],
)
async def test_refusals_are_a_status_in_protobuf(request_bytes: bytes, status: int) -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        answer = await send(server, request_bytes)
    assert (answer.status, consumer.payloads) == (status, [])
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert Status.FromString(answer.body).message


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (WireError("a varint", offset=3), 400, None),
        (LimitError("at most 65536 spans", got="70000"), 413, None),
        (RetryableError("room on the disk", retry_after_s=0.5), 503, "1"),
        (RetryableError("room on the disk", retry_after_s=7.2), 503, "8"),
        (RuntimeError("secret detail"), 500, None),
    ],
)
async def test_what_the_pipeline_raises_decides_the_status(
    error: Exception, status: int, retry_after: str | None
) -> None:
    async with http_server(Remembering(error)) as server:
        answer = await send(server, post(b"x"))
    assert (answer.status, answer.headers.get("retry-after")) == (status, retry_after)
    assert "secret" not in Status.FromString(answer.body).message


async def test_size_is_limited_on_the_wire_and_after_decompression() -> None:
    consumer = Remembering()
    bomb = gzip.compress(bytes(65 << 20))
    chunked = (
        b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"800\r\n"
        + b"x" * 2048
        + b"\r\n0\r\n\r\n"
    )
    async with http_server(consumer) as server:
        assert (await send(server, post(bomb, "Content-Encoding: gzip"))).status == 413
        assert (await send(server, post(zstandard.compress(bytes(65 << 20)), "Content-Encoding: zstd"))).status == 413
    async with http_server(consumer, max_request_bytes=1024) as server:
        assert (await send(server, post(b"x" * 1025))).status == 413
        assert (await send(server, chunked)).status == 413
        assert (await send(server, post(b"x" * 1024))).status == 200
    assert consumer.payloads == [b"x" * 1024]


async def test_keys_decide_before_the_body_is_read() -> None:
    consumer = Remembering()
    headers = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n"
    async with http_server(consumer, keys=KEYS) as server:
        assert (await send(server, headers)).status == 401  # no byte of the body was sent
        assert (await send(server, post(b"x", "Authorization: Bearer wrong"))).status == 401
        assert (await send(server, post(b"x", f"Authorization: Basic {KEY}"))).status == 401
        assert (await send(server, post(b"x", "Authorization: Bearer reader"))).status == 403
        assert (await send(server, post(b"x", f"Authorization: bearer {KEY}", "X-Tenant: other"))).status == 200
        assert (await send(server, post(b"x", f"X-Api-Key: {KEY}"))).status == 200
    assert {context.tenant for context in consumer.contexts} == {"acme"}


async def test_a_request_may_come_in_any_pieces() -> None:
    whole = post(gzip.compress(b"payload"), "Content-Encoding: gzip")
    consumer = Remembering()
    async with http_server(consumer) as server:
        for cut in range(1, len(whole)):
            assert (await send(server, whole[:cut], whole[cut:])).status == 200
    assert set(consumer.payloads) == {b"payload"}


async def test_pipelined_requests_are_answered_in_order() -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"".join(post(str(n).encode()) if n % 3 else post(b"", path=f"/{n}") for n in range(60)))
        statuses = [(await read_answer(reader)).status for _ in range(60)]
        writer.close()
    assert statuses == [404 if n % 3 == 0 else 200 for n in range(60)]
    assert consumer.payloads == [str(n).encode() for n in range(60) if n % 3]


async def test_an_upgrade_is_passed_over() -> None:
    """Clients that would rather speak HTTP/2 ask so with their first request, body and all."""
    consumer = Remembering()
    ask = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQA"
    async with http_server(consumer) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        data = post(b"first", ask) + post(b"second") + post(b"third", ask)
        for piece in (data[:100], data[100:-2], data[-2:]):
            writer.write(piece)
            await asyncio.sleep(0.01)
        assert [(await read_answer(reader)).status for _ in range(3)] == [200, 200, 200]
        writer.write(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_answer(reader)).status == 400
        writer.close()
    assert consumer.payloads == [b"first", b"second", b"third"]


async def test_the_target_may_name_the_server() -> None:
    consumer = Remembering()
    async with http_server(consumer) as server:
        for target, status in (("http://x:1/v1/traces?a=b", 200), ("https://x/v1/traces", 200), ("http://x/", 404)):
            assert (await send(server, post(b"x", path=target))).status == status


@pytest.mark.parametrize("first", [post(b"good"), post(b"good", "Connection: close")])
async def test_what_comes_before_garbage_gets_its_own_answer_first(first: bytes) -> None:
    consumer = Remembering()
    consumer.gate = asyncio.Event()
    async with http_server(consumer) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(first + b"\0 garbage\r\n\r\n")
        await consumer.offered.wait()
        consumer.gate.set()
        answer = await read_answer(reader)
        assert answer.status == 200
        if "connection" not in answer.headers:
            assert (await read_answer(reader)).status == 400
        assert await reader.read() == b""
        writer.close()


async def test_a_sender_that_has_ended_is_answered_and_let_go() -> None:
    async with http_server(Remembering()) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(post(b"x") + post(b"y"))
        writer.write_eof()
        assert [(await read_answer(reader)).status for _ in range(2)] == [200, 200]
        assert await reader.read() == b""
        writer.close()


async def test_a_sender_that_reads_no_answers_is_not_answered_without_end() -> None:
    made = 0

    async def large(_: str, __: bytes) -> Page:
        nonlocal made
        made += 1
        return Page(200, "text/plain", bytes(1 << 20))

    async def ask(server: HttpServer) -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(*server.address.split(":"), limit=1)  # it reads no more than this
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        return writer

    async def until_cut_off(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with http_server(Remembering(), pages={"/large": Route(large)}, body_timeout_s=0.3) as server:
        writer = await ask(server)
        with pytest.raises(ConnectionError):
            await until_cut_off(writer)
        assert made < 20
        writer.close()
        writer = await ask(server)
        before = made
        while made == before:  # noqa: ASYNC110 - what changes is a number
            await asyncio.sleep(0.01)
    writer.close()  # the stop did not wait for it


async def test_a_request_behind_another_has_its_own_deadline() -> None:
    consumer = Remembering()
    consumer.gate = asyncio.Event()
    async with http_server(consumer, body_timeout_s=0.05, idle_timeout_s=3600) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(post(b"first") + post(b"second")[:-3])
        await consumer.offered.wait()
        await asyncio.sleep(0.5)  # our time: nothing is refused before the first is answered
        consumer.gate.set()
        assert [(await read_answer(reader)).status for _ in range(2)] == [200, 408]
        assert await reader.read() == b""
        writer.close()


async def test_expect_continue_is_answered() -> None:
    async with http_server(Remembering()) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        whole = post(b"payload", "Expect: 100-continue")
        writer.write(whole[:-7])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(whole[-7:])
        assert (await read_answer(reader)).status == 200
        writer.close()


@pytest.mark.parametrize("sent", [b"POST /v1/tra", post(b"0123456789")[:-3]])
async def test_a_slow_sender_is_refused_and_closed(sent: bytes) -> None:
    async with http_server(Remembering(), header_timeout_s=0.05, body_timeout_s=0.05) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(sent)
        assert (await read_answer(reader)).status == 408
        assert await reader.read() == b""
        writer.close()


async def test_connections_beyond_the_limit_are_closed() -> None:
    async with http_server(Remembering(), max_connections=1) as server:
        _, first = await asyncio.open_connection(*server.address.split(":"))
        await asyncio.sleep(0)
        reader, second = await asyncio.open_connection(*server.address.split(":"))
        second.write(post(b"x"))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await read_answer(reader)
        first.close()
        second.close()


async def test_a_stop_answers_what_is_under_way() -> None:
    consumer = Remembering()
    consumer.gate = asyncio.Event()
    async with http_server(consumer) as server:
        under_way = asyncio.create_task(send(server, post(b"x")))
        await consumer.offered.wait()
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        consumer.gate.set()
        await stopping
        answer = await under_way
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        with pytest.raises(ConnectionError):
            await send(server, post(b"x"))


async def test_a_taken_port_names_key_and_repair() -> None:
    async with http_server(Remembering()) as server:
        second = HttpServer(
            HttpReceiver(listen=server.address), max_request_bytes=1, authorizer=Authorizer(()), budget=Budget(1)
        )
        with pytest.raises(ConfigError, match=r"receiver\.http\.listen.*another port"):
            await second.start(Remembering())


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_cut_anywhere_is_refused(encoding: str, frames: int) -> None:
    def compress(data: bytes) -> bytes:
        if encoding == "gzip":
            return gzip.compress(data)
        streaming = zstandard.ZstdCompressor().compressobj()  # declares no size
        return streaming.compress(data) + streaming.flush()

    one = compress(bytes(range(256)) * 40)
    body = one * frames
    assert decode(encoding, body, 1 << 20) == bytes(range(256)) * 40 * frames
    for cut in range(len(one) * (frames - 1) + 1, len(body)):
        with pytest.raises(WireError):
            decode(encoding, body[:cut], 1 << 20)


def test_zlib_is_not_gzip() -> None:
    with pytest.raises(WireError, match="Content-Encoding gzip"):
        decode("gzip", zlib.compress(b"x"), 100)
