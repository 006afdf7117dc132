"""One HTTP/1.1 connection: httptools parses, requests are answered in the order they came."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools
from llm_obs_core.errors import RetryableError

from llm_obs_collector.budget import Held
from llm_obs_collector.receivers.request import MAX_HEADER_BYTES, MAX_HEADERS, Request, refused
from llm_obs_collector.receivers.status import Cause, Refusal, refusal_of

if TYPE_CHECKING:
    from llm_obs_collector.receivers.http import HttpServer

__all__ = ["Connection"]

MAX_PIPELINED = 16
CHUNK_OVERHEAD_BYTES = 64
"""What a piece of a body costs beside its bytes: chunked bodies may come in pieces of one."""


class Connection(asyncio.BufferedProtocol):
    """Reads requests into memory within the limits and hands each to the server, one at a time.

    Args:
        server: Settings, routes and the consumer.
    """

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request(Held(server.budget))
        self._waiting: deque[Request] = deque()
        self.worker: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._closing = False
        self._reading = True
        self._begun = False
        self._ended = False
        self._last = b""
        self._sent = asyncio.Event()
        self._sent.set()
        self._deadline = 0.0
        self._deadline_refusal: Refusal | None = None

    # --- asyncio -----------------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Registers with the server, which closes what is beyond `max_connections`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone
        self._await_headers()
        if not self._server.opened(self):
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection; a request that is already with the pipeline is finished, its answer is not sent."""
        self._closing = True
        for request in (self._request, *self._waiting):
            request.held.release()
        self._waiting.clear()
        self._sent.set()
        self._server.closed(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        """One buffer for all connections: it is read at once, and the parser copies what it keeps."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Feeds the parser."""
        data = memoryview(self._server.buffer)[:nbytes]
        while not self._closing:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._pass_over(data[upgrade.args[0] :])
                continue
            except httptools.HttpParserError as error:
                self._refuse_now(Refusal(Cause.MALFORMED, f"expected an HTTP/1.1 request, got {error}"))
            return

    def eof_received(self) -> bool:
        """Keeps the writing half open while answers are owed."""
        self._ended = True
        self._closing_after_answers()
        return bool(self._waiting or self.worker)

    def pause_writing(self) -> None:
        """The sender does not read its answers: no more are made, and not for long."""
        self._sent.clear()
        self._set_deadline(self._server.settings.body_timeout_s, None)

    def resume_writing(self) -> None:
        """It has read them."""
        self._sent.set()

    # --- httptools ---------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """A new request."""
        self._request = Request(Held(self._server.budget))
        self._begun = True
        self._await_headers()

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
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.keep_alive = self._parser.should_keep_alive()
        if self._parser.should_upgrade():
            return  # it comes again, without the wish
        request.refusal = request.refusal or self._server.screen(request)
        if request.refusal is not None:
            if request.content_length or "transfer-encoding" in request.headers:
                self._refuse_now(request.refusal)
            return
        self._set_deadline(
            self._server.settings.body_timeout_s,
            Refusal(Cause.TIMEOUT, "expected the whole body within receiver.http.body_timeout_s; send it faster"),
        )
        if request.expect_continue and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        request = self._request
        request.body_bytes += len(body)
        if request.body_bytes > self._server.max_request_bytes:
            self._refuse_now(self._server.too_large(request.body_bytes))
            return
        try:
            request.held.take(len(body) + CHUNK_OVERHEAD_BYTES)
        except RetryableError as error:
            self._refuse_now(refusal_of(error))
            return
        request.body.append(body)

    def on_message_complete(self) -> None:
        """Hands the request over, and stops reading when too many wait."""
        if self._closing or self._parser.should_upgrade():
            return
        self._waiting.append(self._request)
        self._request = Request(Held(self._server.budget))
        self._begun = False
        self._await_headers()
        if len(self._waiting) >= MAX_PIPELINED and self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()
        if self.worker is None:
            self._start_work()

    # --- work --------------------------------------------------------------------------------------------------------
    def _start_work(self) -> None:
        self.worker = asyncio.get_running_loop().create_task(self._work())
        self.worker.add_done_callback(self._worked)

    async def _work(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                await self._sent.wait()
                answer = await self._server.answer(request)
            finally:
                request.held.release()
            if self._transport is None or self._transport.is_closing():
                return
            self._transport.write(answer)
            if not request.keep_alive or self._server.stopping:
                self._close()
                return
            if not self._reading and len(self._waiting) < MAX_PIPELINED:
                self._reading = True
                self._transport.resume_reading()
                if self._begun:
                    self._await_headers()  # it was not the sender who was slow

    def _worked(self, task: asyncio.Task[None]) -> None:
        self.worker = None
        if not task.cancelled() and task.exception() is not None:
            self._server.failed(task.exception())
            self._close()
        elif self._transport is None or self._transport.is_closing():
            return
        elif self._waiting:
            self._start_work()
        elif self._last:
            self._transport.write(self._last)
            self._close()
        elif self._server.stopping or self._ended:
            self._close()
        elif not self._begun:
            self._set_deadline(self._server.settings.idle_timeout_s, None)

    def overdue(self, now: float) -> bool:
        """Whether the sender has let a deadline pass. While an answer is being made, it is our time."""
        return 0.0 < self._deadline < now and (self.worker is None or not self._sent.is_set())

    def expire(self) -> None:
        """The deadline has passed: answers with its refusal, if any, and closes."""
        if not self._sent.is_set() and self._transport is not None:
            self._transport.abort()
        elif self._deadline_refusal is not None:
            self._refuse_now(self._deadline_refusal)
        else:
            self._close()

    def stop(self) -> None:
        """Closes once every answer that is owed has been sent; does not wait for a sender that reads none."""
        if not self._sent.is_set() and self._transport is not None:
            self._transport.abort()
        self._closing_after_answers()

    def _closing_after_answers(self) -> None:
        if self.worker is None:
            self._close()

    def _pass_over(self, rest: memoryview) -> memoryview:
        """The request again without its wish for another protocol (a server may ignore it, RFC 9110, 7.8)."""
        request = self._request
        if request.method == "CONNECT":
            self._refuse_now(Refusal(Cause.MALFORMED, "expected POST /v1/traces, got CONNECT"))
            return rest
        head = [f"{request.method} {request.target.decode('latin-1')} HTTP/1.1"]
        head += [f"{name}: {text}" for name, text in request.headers.items() if name not in ("connection", "upgrade")]
        self._parser = httptools.HttpRequestParser(self)
        return memoryview("\r\n".join([*head, "\r\n"]).encode("latin-1") + bytes(rest))

    def _count_header(self, nbytes: int) -> None:
        request = self._request
        request.header_bytes += nbytes
        if request.header_bytes > MAX_HEADER_BYTES or len(request.headers) > MAX_HEADERS:
            self._refuse_now(
                Refusal(
                    Cause.HEADERS_TOO_LARGE,
                    f"expected at most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes in all; send fewer",
                )
            )

    def _refuse_now(self, refusal: Refusal) -> None:
        if self._closing or self._transport is None:
            return
        self._server.refused(self._request, refusal)
        self._request.body.clear()
        self._request.held.release()
        answer = refused(refusal, keep_alive=False)
        if self.worker is None:
            self._transport.write(answer)
            self._close()
        else:  # after the answers that are owed
            self._closing = True
            self._last = answer

    def _close(self) -> None:
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _set_deadline(self, seconds: float, refusal: Refusal | None) -> None:
        self._deadline = asyncio.get_running_loop().time() + seconds if seconds else 0.0
        self._deadline_refusal = refusal

    def _await_headers(self) -> None:
        self._set_deadline(
            self._server.settings.header_timeout_s,
            Refusal(Cause.TIMEOUT, "expected the headers within receiver.http.header_timeout_s; send them faster"),
        )
