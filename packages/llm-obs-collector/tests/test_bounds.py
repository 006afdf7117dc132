"""Memory has bounds from the first byte of a request on, and the collector's own pages have theirs."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from typing import Any

import grpc
import pytest
import zstandard
from feeding import until
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.decode import MAX_MEMBERS, decode
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.receivers.http import Page, Route
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import ApiKey, GrpcReceiver
from llm_obs_core.errors import LimitError, RetryableError
from llm_obs_core.signals import TRACES
from receiving import Remembering, http_server, post, read_answer, send

EXPORT = TRACES.grpc_method or ""
KEYS = tuple(
    ApiKey(name, hashlib.sha256(name.encode()).hexdigest(), scopes=(name,))  # type: ignore[arg-type]
    for name in ("ingest", "read", "admin")
)


async def test_what_is_still_arriving_counts(tmp_path: Any) -> None:
    consumer = Remembering()
    async with http_server(consumer, max_in_flight_bytes=10_000) as server:
        slow, writer = await asyncio.open_connection(*server.address.split(":"))
        body = post(bytes(8_000))
        writer.write(body[:-1])
        await writer.drain()
        await until(lambda: server.budget.used >= 7_999)
        refused = await send(server, post(bytes(4_000)))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert b"max_in_flight_bytes" in refused.body
        writer.write(body[-1:])
        assert (await read_answer(slow)).status == 200
        writer.close()
        assert server.budget.used == 0
        assert (await send(server, post(bytes(4_000)))).status == 200


async def test_a_sender_that_hangs_up_gives_its_bytes_back() -> None:
    async with http_server(Remembering()) as server:
        _, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(post(bytes(9_000))[:-10])
        await writer.drain()
        await until(lambda: server.budget.used)
        writer.close()
        await until(lambda: not server.budget.used)
        assert server.budget.used == 0


async def test_tiny_chunks_count_for_more_than_their_bytes() -> None:
    async with http_server(Remembering(), max_in_flight_bytes=20_000) as server:
        head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        chunks = b"1\r\nx\r\n" * 1_000
        answer = await send(server, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert answer.status == 503
        assert server.budget.used == 0


async def test_what_decompression_makes_counts() -> None:
    body = gzip.compress(bytes(5_000_000))
    async with http_server(Remembering(), max_in_flight_bytes=2_000_000) as server:
        answer = await send(server, post(body, "Content-Encoding: gzip"))
        assert (answer.status, server.budget.used) == (503, 0)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_tiny_members_are_read_without_copying_the_rest_and_not_without_end(encoding: str) -> None:
    one = gzip.compress(b"x") if encoding == "gzip" else zstandard.compress(b"x")
    assert decode(encoding, one * MAX_MEMBERS, 1 << 20) == b"x" * MAX_MEMBERS
    with pytest.raises(LimitError, match="members"):
        decode(encoding, one * (MAX_MEMBERS + 1), 1 << 20)


def test_a_budget_lets_one_request_in_whatever_its_size() -> None:
    budget = Budget(10)
    budget.take(50)
    with pytest.raises(RetryableError):
        budget.take(1)
    budget.give(50)
    budget.take(5)
    budget.take(5)
    with pytest.raises(RetryableError):
        budget.take(1)


async def page(query: str, body: bytes) -> Page:
    return Page(200, "text/plain", b"made")


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/open", None, 200),
        ("/open?x=1", None, 200),
        ("/counts", None, 401),
        ("/counts", "ingest", 403),
        ("/counts", "read", 200),
        ("/open?verbose", None, 401),
        ("/open?verbose", "read", 200),
        ("/change", "read", 405),
    ],
)
async def test_pages_ask_for_their_scope(path: str, key: str | None, status: int) -> None:
    pages = {
        "/open": Route(page),
        "/open?verbose": Route(page, "read"),
        "/counts": Route(page, "read"),
        "/change": Route(page, "admin", "POST"),
    }
    async with http_server(Remembering(), keys=KEYS, pages=pages) as server:
        header = f"x-api-key: {key}\r\n" if key else ""
        answer = await send(server, f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        assert answer.status == status
        assert answer.headers.get("allow") == ("POST" if status == 405 else None)


async def test_a_change_must_be_asked_for_in_json() -> None:
    async with http_server(Remembering(), keys=KEYS, pages={"/change": Route(page, "admin", "POST")}) as server:
        assert (await send(server, post(b"{}", "x-api-key: admin", path="/change", media="text/plain"))).status == 415
        assert (
            await send(server, post(b"{}", "x-api-key: read", path="/change", media="application/json"))
        ).status == 403
        assert (
            await send(server, post(b"{}", "x-api-key: admin", path="/change", media="application/json"))
        ).status == 200


async def silence() -> Any:
    await asyncio.Event().wait()
    yield b""


async def test_grpc_asks_for_the_key_before_it_reads_the_message() -> None:
    server = GrpcServer(
        GrpcReceiver(listen="127.0.0.1:0"),
        max_request_bytes=1 << 20,
        authorizer=Authorizer(KEYS),
        budget=Budget(1 << 30),
    )
    await server.start(Remembering())
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            for metadata, code in (((), "UNAUTHENTICATED"), ((("x-api-key", "read"),), "PERMISSION_DENIED")):
                call = channel.stream_unary(EXPORT)(silence(), metadata=metadata)
                assert (await call.code()).name == code
    finally:
        await server.stop()


async def test_grpc_puts_senders_off_when_the_budget_is_spent() -> None:
    budget = Budget(100_000)
    server = GrpcServer(
        GrpcReceiver(listen="127.0.0.1:0"), max_request_bytes=1 << 20, authorizer=Authorizer(()), budget=budget
    )
    await server.start(Remembering())
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            export = channel.unary_unary(EXPORT)
            budget.take(90_000)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await export(b"x")
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
            info = RetryInfo()
            assert Status.FromString(details).details[0].Unpack(info)
            assert info.retry_delay.seconds == 1
            budget.give(90_000)
            assert await export(b"x") == b""
            assert budget.used == 0
    finally:
        await server.stop()
