"""uvicorn's HTTP/1.1 with a bound on the headers of a request: their bytes, and the time they may take."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["BoundedProtocol"]

MAX_HEADER_BYTES: Final = 64 * 1024
SEPARATORS: Final = 4
"""Colon, blank and line end of a header, bytes."""
HEADER_TIMEOUT_S: Final = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Bodies are bounded where they are read."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes between requests begin a request."""
        cycle = cast(RequestResponseCycle | None, self.cycle)
        if self._deadline is None and (cycle is None or cycle.response_complete):
            self._wait_for_headers()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Counts anew."""
        self._header_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Counts the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Counts a header."""
        self._count(len(name) + len(value) + SEPARATORS)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers came in time."""
        self._stop_waiting()
        super().on_headers_complete()

    def _count(self, nbytes: int) -> None:
        self._header_bytes += nbytes
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("headers too large")  # the parser stops; uvicorn answers 400 and closes

    def _wait_for_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_TIMEOUT_S, self._expire)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self, *_: Any) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
