"""What the receiver tests share: a consumer that remembers, a server on a free port, raw requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.http import HttpServer, Route
from llm_obs_collector.signals import Signals
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import ApiKey, HttpReceiver
from llm_obs_core.interfaces import Consumer, Context, Outcome, Reservation

EMPTY_POST = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"


class Remembering:
    """A consumer at the protocol's edge: keeps payloads, answers or raises what it is told to."""

    def __init__(self, outcome: Outcome | BaseException | None = None) -> None:
        self.outcome = outcome or Outcome(1)
        self.payloads: list[bytes] = []
        self.contexts: list[Context] = []
        self.gate: asyncio.Event | None = None
        self.offered = asyncio.Event()

    async def offer(self, payload: Any, context: Context, reservation: Reservation | None = None) -> Outcome:
        assert reservation is not None
        reservation.settle(len(payload))
        self.payloads.append(bytes(payload))
        self.contexts.append(context)
        self.offered.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome
        finally:
            reservation.release()


@asynccontextmanager
async def http_server(
    consumer: Consumer,
    *,
    max_request_bytes: int = 64 << 20,
    max_in_flight_bytes: int = 256 << 20,
    keys: tuple[ApiKey, ...] = (),
    pages: dict[str, Route] | None = None,
    signals: Signals | None = None,
    **settings: Any,
) -> AsyncIterator[HttpServer]:
    server = HttpServer(
        HttpReceiver(listen="127.0.0.1:0", **settings),
        max_request_bytes=max_request_bytes,
        authorizer=Authorizer(keys),
        budget=Budget(max_in_flight_bytes),
        pages=pages,
        signals=signals,
    )
    await server.start(consumer)
    try:
        yield server
    finally:
        await server.stop()


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = text.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(first.split()[1]), headers, body)


async def send(server: HttpServer, *chunks: bytes) -> Answer:
    reader, writer = await asyncio.open_connection(*server.address.split(":"))
    try:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        return await read_answer(reader)
    finally:
        writer.close()


def post(body: bytes, *headers: str, path: str = "/v1/traces", media: str = "application/x-protobuf") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
