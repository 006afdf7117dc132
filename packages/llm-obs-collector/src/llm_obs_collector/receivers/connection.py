"""One HTTP/1.1 connection with bounds: httptools parses, requests are answered in the order they came.

What it is at is one `State`. What a request is worth is the business of a `Handler`, so that any server may use it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from enum import IntEnum, auto
from typing import Final, NamedTuple, Protocol, cast

import httptools
from llm_obs_core.errors import RetryableError

from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.request import Request
from llm_obs_collector.receivers.status import Cause, Refusal, refusal_of

__all__ = ["NEXT", "Connection", "ConnectionSettings", "Handler", "State"]

CHUNK_OVERHEAD_BYTES = 64
"""What a piece of a body costs beside its bytes: chunked bodies may come in pieces of one."""


class State(IntEnum):
    """What a connection is at. Answers may be owed in every state but IDLE."""

    HEADERS = auto()
    """The headers of a request are awaited or arrive."""
    BODY = auto()
    """Its body arrives."""
    ANSWERING = auto()
    """No request arrives, and those that did are being answered."""
    IDLE = auto()
    """No request arrives, and none is owed an answer."""
    DRAINING = auto()
    """Nothing more is read: what is owed is answered, then it closes."""
    CLOSED = auto()
    """Nothing more is written."""

    @property
    def receives(self) -> bool:
        """Whether what arrives is read."""
        return self in _RECEIVING


_RECEIVING: Final = frozenset({State.HEADERS, State.BODY, State.ANSWERING, State.IDLE})

NEXT: Final[Mapping[State, frozenset[State]]] = {
    State.HEADERS: frozenset({State.HEADERS, State.BODY, State.ANSWERING, State.DRAINING, State.CLOSED}),
    State.BODY: frozenset({State.ANSWERING, State.DRAINING, State.CLOSED}),
    State.ANSWERING: frozenset({State.HEADERS, State.IDLE, State.DRAINING, State.CLOSED}),
    State.IDLE: frozenset({State.HEADERS, State.DRAINING, State.CLOSED}),
    State.DRAINING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}
"""From each state where it may go. A request that asked for another protocol begins again: HEADERS, HEADERS."""


class ConnectionSettings(NamedTuple):
    """The bounds of a connection.

    Attributes:
        section: Of the configuration, named in refusals: the timeouts are its keys.
        header_timeout_s: Longest time for a request's headers.
        body_timeout_s: Longest time for its body, and for a sender to read what it was answered.
        idle_timeout_s: Longest time without a request.
        max_body_bytes: Largest body, on the wire.
        max_body_key: The configuration key of that, named in refusals.
        max_owed: Requests that wait for their answer before no more are read.
        max_header_bytes: Largest head: target, names and values.
        max_headers: Most headers with names of their own.
    """

    section: str
    header_timeout_s: float
    body_timeout_s: float
    idle_timeout_s: float
    max_body_bytes: int
    max_body_key: str
    max_owed: int = 16
    max_header_bytes: int = 64 * 1024
    max_headers: int = 128

    def too_large(self, nbytes: int) -> Refusal:
        """The refusal of a body over the limit."""
        return Refusal(
            Cause.TOO_LARGE,
            f"expected a body of at most {self.max_body_bytes} bytes, got {nbytes}; "
            f"send smaller batches or raise {self.max_body_key}",
        )


class Handler(Protocol):
    """What a connection needs of its server."""

    def admit(self, connection: Connection) -> bool:
        """Whether a new connection may stay."""

    def left(self, connection: Connection) -> None:
        """A connection is gone, also one that was not admitted."""

    def screen(self, request: Request) -> Refusal | None:
        """Reads the headers: what must be refused is refused before the body is read."""

    async def answer(self, request: Request) -> bytes:
        """The whole answer, also to a request with a refusal."""

    def refused(self, request: Request) -> None:
        """Counts a request that is refused; its answer is made when its turn comes."""

    def failed(self, error: BaseException) -> None:
        """Reports a fault of our own."""


class Connection(asyncio.BufferedProtocol):
    """Reads requests into memory within the bounds and hands each to the handler, one at a time.

    Args:
        handler: Screens and answers.
        settings: The bounds.
        budget: Every byte of a body is counted there before it is kept.
        buffer: To read into: one for all connections of a loop, since it is parsed at once and the parser copies.
    """

    def __init__(self, handler: Handler, settings: ConnectionSettings, budget: Budget, buffer: bytearray) -> None:
        self.state = State.HEADERS
        self._handler = handler
        self._settings = settings
        self._budget = budget
        self._buffer = buffer
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request(budget.reserve())
        self._owed: deque[Request] = deque()
        """Whole requests, the first of which is being answered."""
        self._worker: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport
        self._writable = asyncio.Event()
        self._writable.set()
        self._seconds = {  # that the sender has in a state
            State.HEADERS: settings.header_timeout_s,
            State.BODY: settings.body_timeout_s,
            State.IDLE: settings.idle_timeout_s,
            State.CLOSED: settings.body_timeout_s,  # the last bytes of an answer must be taken too
        }
        self._loop = asyncio.get_running_loop()
        self._late_at = 0.0
        self._unread_at = 0.0

    # --- asyncio -----------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        self._enter(State.HEADERS)
        if not self._handler.admit(self):
            self._enter(State.CLOSED)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets everything but the request that is with the handler: that is finished, its answer is not sent."""
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)
        self._request.drop()
        while len(self._owed) > (self._worker is not None):
            self._owed.pop().drop()
        self._writable.set()
        self._handler.left(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """The buffer of all connections."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Feeds the parser."""
        data = memoryview(self._buffer)[:nbytes]
        while self.state.receives:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._without_upgrade(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                self._refuse(Refusal(Cause.MALFORMED, f"expected an HTTP/1.1 request, got {error}"))
            return

    def eof_received(self) -> bool:
        """Keeps the writing half open while answers are owed."""
        self._drain()
        return bool(self._owed)

    def pause_writing(self) -> None:
        """The sender does not read its answers: no more are made, and not for long."""
        self._writable.clear()
        self._unread_at = self._loop.time() + self._settings.body_timeout_s

    def resume_writing(self) -> None:
        """It has read them."""
        self._writable.set()

    # --- httptools ---------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """A new request."""
        if self.state.receives:
            self._request = Request(self._budget.reserve())
            self._enter(State.HEADERS)

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._request.target += url
        self._count_header(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; a name that comes twice keeps both values, as a list."""
        request = self._request
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        request.headers[key] = f"{request.headers[key]}, {text}" if key in request.headers else text
        self._count_header(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Everything that can be refused without the body is refused here."""
        if not self.state.receives:
            return
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.keep_alive = self._parser.should_keep_alive()
        if self._parser.should_upgrade():
            return  # it begins again, without the wish
        refusal = self._handler.screen(request)
        if refusal is not None:
            if request.content_length or "transfer-encoding" in request.headers:
                self._refuse(refusal)
            else:  # nothing of it is still to come, so the next one can be read
                request.refusal = refusal
                self._handler.refused(request)
            return
        self._enter(State.BODY)
        if request.expect_continue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        if not self.state.receives:
            return
        request = self._request
        request.body_bytes += len(body)
        if request.body_bytes > self._settings.max_body_bytes:
            self._refuse(self._settings.too_large(request.body_bytes))
            return
        try:
            request.reservation.grow(len(body) + CHUNK_OVERHEAD_BYTES)
        except RetryableError as error:
            self._refuse(refusal_of(error))
            return
        request.body.append(body)

    def on_message_complete(self) -> None:
        """Puts the request in line, and stops reading when too many wait."""
        if not self.state.receives or self._parser.should_upgrade():
            return
        self._owe(self._request)
        self._request = Request(self._budget.reserve())
        self._enter(State.ANSWERING)
        if len(self._owed) >= self._settings.max_owed and self._transport.is_reading():
            self._transport.pause_reading()

    # --- answers -----------------------------------------------------------------------------------------------------
    def _owe(self, request: Request) -> None:
        self._owed.append(request)
        if self._worker is None:
            self._worker = self._loop.create_task(self._answer_owed())

    async def _answer_owed(self) -> None:
        """Runs as long as an answer is owed."""
        try:
            while self._owed and await self._answer(self._owed[0]):
                self._owed.popleft()
                self._read_on()
        except Exception as error:
            self._handler.failed(error)
            self._close()
        finally:
            self._worker = None
        if self.state is State.ANSWERING:
            self._enter(State.IDLE)

    async def _answer(self, request: Request) -> bool:
        """Sends one answer; whether another may follow."""
        try:
            await self._writable.wait()
            if self._gone():
                return False
            answer = await self._handler.answer(request)
        finally:
            request.reservation.release()  # of what the handler did not hand on
        if self._gone():
            return False
        self._transport.write(answer)
        if not request.keep_alive:
            self._close()
        return request.keep_alive

    def _gone(self) -> bool:
        return self.state is State.CLOSED or self._transport.is_closing()

    def _read_on(self) -> None:
        if self.state.receives and len(self._owed) < self._settings.max_owed and not self._transport.is_reading():
            self._transport.resume_reading()
            self._set_deadline()  # it was not the sender who was slow

    # --- the end -----------------------------------------------------------------------------------------------------
    def check(self, now: float) -> None:
        """Ends what the sender has let pass; the server calls it every now and then. `now` is the loop's time."""
        if not self._writable.is_set():
            if now > self._unread_at:
                self._transport.abort()
        elif not 0.0 < self._late_at < now or self._worker is not None:
            return  # while an answer is being made, it is our time
        elif self.state is State.CLOSED:
            self._transport.abort()
        elif self.state is State.IDLE:
            self._close()
        else:
            part = "headers" if self.state is State.HEADERS else "whole body"
            key = f"{self._settings.section}.{'header' if self.state is State.HEADERS else 'body'}_timeout_s"
            self._refuse(Refusal(Cause.TIMEOUT, f"expected the {part} within {key}; send faster"))

    def stop(self) -> asyncio.Task[None] | None:
        """Closes once every answer that is owed has been sent; does not wait for a sender that reads none.

        Returns:
            What sends them, None when none is owed.
        """
        if not self._writable.is_set():
            self._transport.abort()
        self._drain()
        return self._worker

    def _refuse(self, refusal: Refusal) -> None:
        """Refuses what arrives; after that answer, which comes in its turn, it closes."""
        if not self.state.receives:
            return
        request = self._request
        request.refusal = refusal
        request.drop()
        self._handler.refused(request)
        self._owe(request)
        self._drain()

    def _drain(self) -> None:
        if not self.state.receives:
            return
        self._request.drop()
        if not self._owed:
            self._close()
            return
        self._owed[-1].keep_alive = False  # so that its answer says so, and closes
        self._enter(State.DRAINING)

    def _close(self) -> None:
        if self.state is not State.CLOSED:
            self._enter(State.CLOSED)
            self._transport.close()

    def _without_upgrade(self, rest: memoryview) -> memoryview:
        """The request again without its wish for another protocol (a server may ignore it, RFC 9110, 7.8)."""
        request = self._request
        if request.method == "CONNECT":
            self._refuse(Refusal(Cause.MALFORMED, "expected a request of this server, got CONNECT; it is no proxy"))
            return rest
        head = [f"{request.method} {request.target.decode('latin-1')} HTTP/1.1"]
        head += [f"{name}: {text}" for name, text in request.headers.items() if name not in ("connection", "upgrade")]
        self._parser = httptools.HttpRequestParser(self)
        return memoryview("\r\n".join([*head, "\r\n"]).encode("latin-1") + bytes(rest))

    def _count_header(self, nbytes: int) -> None:
        request, bounds = self._request, self._settings
        request.header_bytes += nbytes
        if request.header_bytes > bounds.max_header_bytes or len(request.headers) > bounds.max_headers:
            self._refuse(
                Refusal(
                    Cause.HEADERS_TOO_LARGE,
                    f"expected at most {bounds.max_headers} headers of {bounds.max_header_bytes} bytes in all; "
                    "send fewer",
                )
            )

    def _enter(self, state: State) -> None:
        assert state in NEXT[self.state], f"from {self.state.name} to {state.name}"
        self.state = state
        self._set_deadline()

    def _set_deadline(self) -> None:
        seconds = self._seconds.get(self.state)
        self._late_at = self._loop.time() + seconds if seconds else 0.0
