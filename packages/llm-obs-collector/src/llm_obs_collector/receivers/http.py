"""The HTTP receiver: every signal at its path, and the collector's own health and metrics beside them.

Rules: opentelemetry-proto, docs/specification.md, OTLP/HTTP. A request is answered 200 only when it is on disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import NamedTuple

import structlog
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import HttpReceiver
from llm_obs_core.errors import ConfigError, RetryableError
from llm_obs_core.interfaces import Consumer, Context
from llm_obs_core.signals import ENCODINGS, JSON, PROTOBUF

from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.connection import Connection, ConnectionSettings
from llm_obs_collector.receivers.decode import decode
from llm_obs_collector.receivers.request import Request, head, refused
from llm_obs_collector.receivers.status import Cause, Refusal, refusal_of
from llm_obs_collector.signals import SignalHandler, Signals, builtin

__all__ = ["HttpServer", "Page", "RequestObserver", "Route"]

READ_BYTES = 256 * 1024
INLINE_BYTES = 1024 * 1024
"""Bodies up to this size are decompressed on the event loop, larger ones in a thread."""

SWEEP_INTERVAL_S = 0.25

_HINTS = {PROTOBUF: "; set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"}
"""What a sender can do who sends another content type than this."""


class Page(NamedTuple):
    """A small page of the collector itself: status, content type, body."""

    status: int
    content_type: str
    body: bytes


class Route(NamedTuple):
    """A page's maker (of the query and the body), the scope that a key needs for it, and its method.

    A POST must say `Content-Type: application/json`, which no page of another site can send unasked.
    """

    make: Callable[[str, bytes], Awaitable[Page]]
    scope: str = ""
    method: str = "GET"


RequestObserver = Callable[[str, int, int, int, float], None]
"""Told of each request: receiver, status code, bytes on the wire, bytes decoded, seconds to the answer."""


class HttpServer:
    """A `Receiver` over HTTP/1.1, and the `Handler` of its connections.

    Args:
        settings: `[receiver.http]`.
        max_request_bytes: `receiver.max_request_bytes`.
        authorizer: Who may send.
        budget: Bytes of requests that may be under way, shared with the pipeline.
        pages: The collector's own pages by path, such as `/healthz`; one with a query, such as `/readyz?verbose`,
            stands before the one without.
        observe: Told of each request, for metrics.
        signals: What can be sent; by default the built-in ones.
    """

    def __init__(
        self,
        settings: HttpReceiver,
        *,
        max_request_bytes: int,
        authorizer: Authorizer,
        budget: Budget,
        pages: Mapping[str, Route] | None = None,
        observe: RequestObserver | None = None,
        signals: Signals | None = None,
    ) -> None:
        self.budget = budget
        self._settings = settings
        self._bounds = ConnectionSettings(
            section="receiver.http",
            header_timeout_s=settings.header_timeout_s,
            body_timeout_s=settings.body_timeout_s,
            idle_timeout_s=settings.idle_timeout_s,
            max_body_bytes=max_request_bytes,
            max_body_key="receiver.max_request_bytes",
        )
        self._buffer = bytearray(READ_BYTES)
        self._stopping = False
        self._signals = signals or builtin()
        self._authorizer = authorizer
        self._pages = dict(pages or {})
        self._observe = observe or (lambda *_: None)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._consumer: Consumer | None = None
        self._log = structlog.get_logger("llm_obs.receiver.http")

    # --- Receiver ----------------------------------------------------------------------------------------------------
    async def start(self, consumer: Consumer) -> None:
        """Listens. See `llm_obs_core.interfaces.Receiver`."""
        self._consumer = consumer
        host, _, port = self._settings.listen.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connection, host.strip("[]"), int(port), backlog=1024)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                "a free address of this machine",
                got=f"{self._settings.listen}: {error}",
                where="receiver.http.listen",
                fix="stop what listens there, choose another port, or port 0 for any that is free",
            ) from None
        self._sweeper = loop.create_task(self._sweep())

    async def stop(self) -> None:
        """Stops listening, answers what is under way, closes."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        stopped = [connection.stop() for connection in list(self._connections)]
        if owed := [answering for answering in stopped if answering is not None]:
            await asyncio.wait(owed)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        if self._server is None or not self._server.sockets:
            return self._settings.listen
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # --- Handler -----------------------------------------------------------------------------------------------------
    def admit(self, connection: Connection) -> bool:
        """Admits a connection, unless there are too many."""
        if self._stopping or len(self._connections) >= self._settings.max_connections:
            return False
        self._connections.add(connection)
        return True

    def left(self, connection: Connection) -> None:
        """Forgets a connection."""
        self._connections.discard(connection)

    def screen(self, request: Request) -> Refusal | None:
        """Reads the headers; what must be refused is refused before the body is read."""
        path = request.path
        length = request.headers.get("content-length", "")
        request.content_length = int(length) if length.isdecimal() else None
        if (handler := self._signals.at_path(path)) is not None:
            request.answerer = partial(self._take, handler)
            return self._screen_signal(request, handler)
        route = self._pages.get(request.target.decode("latin-1")) or self._pages.get(path)
        if route is not None:
            request.answerer = partial(self._page, route)
            return self._screen_page(request, route)
        known = " or ".join(f"POST {item.signal.http_path}" for item in self._signals)
        return Refusal(Cause.NOT_FOUND, f"expected {known}, got {request.method} {path[:200]}")

    def _screen_signal(self, request: Request, handler: SignalHandler) -> Refusal | None:
        path, types, media = handler.signal.http_path, handler.signal.content_types, request.media_type
        request.answer_type = media if media in types else types[0]
        if request.method != "POST":
            return Refusal(Cause.METHOD, f"expected POST {path}, got {request.method}; use POST")
        headers = request.headers
        if (refusal := self._authorize(request, "ingest")) is not None:
            return refusal
        if media not in types:
            return Refusal(
                Cause.UNSUPPORTED,
                f"expected Content-Type {' or '.join(types)}, got {media or 'none'}" + _HINTS.get(types[0], ""),
            )
        request.content_encoding = headers.get("content-encoding", "identity").strip().lower() or "identity"
        if request.content_encoding not in ENCODINGS:
            return Refusal(
                Cause.UNSUPPORTED,
                f"expected Content-Encoding {', '.join(ENCODINGS)}, got {request.content_encoding[:100]}",
            )
        if request.content_length is not None and request.content_length > self._bounds.max_body_bytes:
            return self._bounds.too_large(request.content_length)
        request.expect_continue = headers.get("expect", "").strip().lower() == "100-continue"
        return None

    def _screen_page(self, request: Request, route: Route) -> Refusal | None:
        if request.method != route.method and (request.method, route.method) != ("HEAD", "GET"):
            return Refusal(Cause.METHOD, f"expected {route.method} {request.path}", allow=route.method)
        if route.scope and (refusal := self._authorize(request, route.scope)) is not None:
            return refusal
        if route.method == "POST" and request.media_type != JSON:
            return Refusal(Cause.UNSUPPORTED, f"expected Content-Type {JSON}, got {request.media_type or 'none'}")
        return None

    def _authorize(self, request: Request, scope: str) -> Refusal | None:
        headers = request.headers
        request.principal = self._authorizer.principal(headers.get("authorization"), headers.get("x-api-key"))
        if request.principal is None:
            return Refusal(
                Cause.UNAUTHENTICATED,
                "expected a known API key; send `Authorization: Bearer <key>` or `x-api-key: <key>`",
            )
        if scope not in request.principal.scopes:
            return Refusal(Cause.FORBIDDEN, f"expected a key with scope {scope}, got key {request.principal.key_id}")
        return None

    async def answer(self, request: Request) -> bytes:
        """The whole answer to a request."""
        if request.refusal is not None:
            return refused(request, request.refusal)
        assert request.answerer is not None  # or it would have a refusal
        return await request.answerer(request)

    async def _page(self, route: Route, request: Request) -> bytes:
        made = await route.make(request.query, b"".join(request.body))
        start = head(made.status, len(made.body), made.content_type, keep_alive=request.keep_alive)
        return start if request.method == "HEAD" else start + made.body

    async def _take(self, handler: SignalHandler, request: Request) -> bytes:
        """Hands a request on, with what it holds of the budget, and says what became of it."""
        assert self._consumer is not None
        assert request.principal is not None
        started = time.perf_counter()
        received_ns = time.time_ns()
        body = request.body[0] if len(request.body) == 1 else b"".join(request.body)
        request.body.clear()
        decoded_bytes = 0
        try:
            if request.content_encoding != "identity":
                body = await self._decoded(request, body)
            decoded_bytes = len(body)
            principal, media = request.principal, request.answer_type  # which is that of the request
            context = Context(principal.tenant, handler.signal.kind, received_ns, principal, media)
            outcome = await self._consumer.offer(body, context, request.reservation)
        except Exception as error:
            refusal = refusal_of(error)
            if refusal.cause is Cause.INTERNAL:
                self.failed(error)
            seconds = time.perf_counter() - started
            self._observe("http", refusal.cause.http, request.body_bytes, decoded_bytes, seconds)
            return refused(request, refusal)
        self._observe("http", 200, request.body_bytes, decoded_bytes, time.perf_counter() - started)
        message = handler.response(outcome, media)
        return head(200, len(message), request.answer_type, keep_alive=request.keep_alive) + message

    async def _decoded(self, request: Request, wire: bytes) -> bytes:
        """The body without its encoding. It is here, so it waits for its turn when others hold the room for it."""
        reservation = request.reservation
        held = reservation.nbytes
        undo = (request.content_encoding, wire, self._bounds.max_body_bytes, reservation.grow)
        inline = len(wire) <= INLINE_BYTES
        try:
            return decode(*undo) if inline else await asyncio.to_thread(decode, *undo)
        except RetryableError:
            reservation.settle(held)  # what was made is gone again
        await reservation.overdraw()
        return decode(*undo) if inline else await asyncio.to_thread(decode, *undo)

    def refused(self, request: Request) -> None:
        """Counts a request that is refused before it is complete."""
        if request.refusal is not None:
            self._observe("http", request.refusal.cause.http, request.body_bytes, 0, 0.0)

    def failed(self, error: BaseException) -> None:
        """Reports a fault of our own."""
        self._log.error("a request failed", error=repr(error), exc_info=error)

    def _connection(self) -> Connection:
        return Connection(self, self._bounds, self.budget, self._buffer)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = loop.time()
            for connection in list(self._connections):
                connection.check(now)
