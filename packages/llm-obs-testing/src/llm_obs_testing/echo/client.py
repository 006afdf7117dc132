"""The client of `echo`: `generate` as a whole, streamed or raw, and `pieces`, a generator; each also asynchronous."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx
import msgspec

__all__ = ["AsyncEchoClient", "AsyncEchoStream", "EchoClient", "EchoError", "EchoStream", "RawEcho", "Reply"]


class EchoError(Exception):
    """The provider has said no.

    Attributes:
        code: The HTTP status.
    """

    def __init__(self, code: int, says: str) -> None:
        super().__init__(says)
        self.code = code


@dataclass(frozen=True)
class Reply:
    """An answer, or a line of one; what it does not say is None."""

    text: str | None = None
    piece: str | None = None
    ref: str | None = None
    engine: str | None = None
    stop: str | None = None
    counts: dict[str, int] | None = None


class EchoStream:
    """An answer in lines."""

    def __init__(self, http: httpx.Response) -> None:
        self.http = http
        self._lines = self._read()

    def _read(self) -> Iterator[Reply]:
        try:
            for line in self.http.iter_lines():
                yield msgspec.json.decode(line, type=Reply)
        finally:
            self.http.close()

    def __iter__(self) -> Iterator[Reply]:
        return iter(self._lines)

    def __enter__(self) -> EchoStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self.http.close()


class AsyncEchoStream:
    """An answer in lines."""

    def __init__(self, http: httpx.Response) -> None:
        self.http = http
        self._lines = self._read()

    async def _read(self) -> AsyncIterator[Reply]:
        try:
            async for line in self.http.aiter_lines():
                yield msgspec.json.decode(line, type=Reply)
        finally:
            await self.http.aclose()

    async def __aiter__(self) -> AsyncIterator[Reply]:
        async for reply in self._lines:
            yield reply

    async def __aenter__(self) -> AsyncEchoStream:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection."""
        await self.http.aclose()


class RawEcho:
    """A raw answer; `parse` reads it."""

    def __init__(self, reply: httpx.Response, stream: EchoStream | AsyncEchoStream | None) -> None:
        self.reply = reply
        self._stream = stream

    def parse(self) -> Reply | EchoStream | AsyncEchoStream:
        """The answer or the stream, always the same one."""
        return self._stream or msgspec.json.decode(self.reply.content, type=Reply)


def _body(prompt: str, engine: str, lines: bool, more: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": prompt, "engine": engine, "lines": lines, **more}


def _refuse(reply: httpx.Response) -> None:
    if reply.status_code != 200:
        raise EchoError(reply.status_code, reply.json()["fault"]["says"])


class EchoClient:
    """The synchronous client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def generate(self, prompt: str, *, engine: str = "echo-1", lines: bool = False, **more: Any) -> Any:
        """An answer, or a stream of one."""
        return self.send(_body(prompt, engine, lines, more))

    def raw(self, prompt: str, *, engine: str = "echo-1", lines: bool = False, **more: Any) -> Any:
        """The same as the HTTP response."""
        return self.send(_body(prompt, engine, lines, more), raw=True)

    def send(self, body: dict[str, Any], *, raw: bool = False) -> Any:
        """What `generate` and `raw` go through."""
        request = self._http.build_request("POST", f"{self.url}/generate", json=body)
        reply = self._http.send(request, stream=body["lines"])
        if reply.status_code != 200:
            reply.read()
        _refuse(reply)
        stream = EchoStream(reply) if body["lines"] else None
        found = RawEcho(reply, stream)
        return found if raw else found.parse()

    def pieces(self, prompt: str, engine: str = "echo-1") -> Iterator[Reply]:
        """The lines of an answer; nothing is asked before the first is wanted."""
        body = _body(prompt, engine, True, {})
        with self._http.stream("POST", f"{self.url}/generate", json=body) as reply:
            if reply.status_code != 200:
                reply.read()
            _refuse(reply)
            for line in reply.iter_lines():
                yield msgspec.json.decode(line, type=Reply)


class AsyncEchoClient:
    """The asynchronous client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.AsyncClient()

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()

    async def generate(self, prompt: str, *, engine: str = "echo-1", lines: bool = False, **more: Any) -> Any:
        """An answer, or a stream of one."""
        return await self.send(_body(prompt, engine, lines, more))

    async def raw(self, prompt: str, *, engine: str = "echo-1", lines: bool = False, **more: Any) -> Any:
        """The same as the HTTP response."""
        return await self.send(_body(prompt, engine, lines, more), raw=True)

    async def send(self, body: dict[str, Any], *, raw: bool = False) -> Any:
        """What `generate` and `raw` go through."""
        request = self._http.build_request("POST", f"{self.url}/generate", json=body)
        reply = await self._http.send(request, stream=body["lines"])
        if reply.status_code != 200:
            await reply.aread()
        _refuse(reply)
        stream = AsyncEchoStream(reply) if body["lines"] else None
        found = RawEcho(reply, stream)
        return found if raw else found.parse()

    async def pieces(self, prompt: str, engine: str = "echo-1") -> AsyncIterator[Reply]:
        """The lines of an answer; nothing is asked before the first is wanted."""
        body = _body(prompt, engine, True, {})
        async with self._http.stream("POST", f"{self.url}/generate", json=body) as reply:
            if reply.status_code != 200:
                await reply.aread()
            _refuse(reply)
            async for line in reply.aiter_lines():
                yield msgspec.json.decode(line, type=Reply)
