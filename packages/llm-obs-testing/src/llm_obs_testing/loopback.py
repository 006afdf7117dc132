"""A small HTTP/1.1 server on loopback, for imitations of providers: one handler, chunked answers, cut connections.

It understands what HTTP clients of provider SDKs send: a head, a body with Content-Length, keep-alive.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import msgspec

__all__ = ["Handler", "HttpRequest", "LoopbackServer", "Reply", "running"]

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024


class HttpRequest(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        method: `GET`, `POST` …
        path: Without the query.
        headers: Names in lower case.
        body: As sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Reply:
    """The answer under way: `send` for a whole one, or `begin`, `write` and `end` for a chunked one."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.cut_off = False

    async def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole answer."""
        self._head(status, {**headers, "content-length": str(len(body))})
        self._writer.write(body)
        await self._writer.drain()

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of a chunked answer, on the wire at once."""
        self._head(status, {**headers, "transfer-encoding": "chunked"})
        await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """One chunk; raises ConnectionError when the client is gone."""
        if self._writer.is_closing():
            raise ConnectionResetError("the client closed the connection")
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def end(self) -> None:
        """The end of a chunked answer."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def cut(self) -> None:
        """Closes the connection where it is: a client sees an answer that is not complete."""
        self.cut_off = True
        await self._writer.drain()

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {headers[name]}" for name in headers)]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


Handler = Callable[[HttpRequest, Reply], Awaitable[None]]


class LoopbackServer:
    """Serves one handler on 127.0.0.1.

    Args:
        handler: Answers every request; an exception from it cuts the connection and is kept in `failures`.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures: list[BaseException] = []
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listens; port 0 takes a free one, which `port` then says."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port, limit=MAX_HEAD_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes the port and every connection. May be called twice."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                reply = Reply(writer)
                await self._handler(request, reply)
                if reply.cut_off:
                    return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        except (ConnectionError, TimeoutError):
            return  # the client went away
        except Exception as error:  # kept for the test that caused it; the client sees a cut connection
            self.failures.append(error)
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request, None when there is none any more or it is not one that this server understands."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= MAX_BODY_BYTES:
            return None
        body = await reader.readexactly(length)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        return None
    return HttpRequest(method, target.partition("?")[0], headers, body)


@contextmanager
def running(server: LoopbackServer, port: int = 0) -> Iterator[None]:
    """Runs a server in a thread of its own with its own event loop, until the block ends.

    Raises:
        OSError: The port is taken.
    """
    ready, failed = threading.Event(), list[BaseException]()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        try:
            await server.start(port)
        except BaseException as error:
            failed.append(error)
            return
        finally:
            ready.set()
        await ended.wait()
        await server.stop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="llm-obs-loopback", daemon=True)
    thread.start()
    ready.wait()
    try:
        if failed:
            raise failed[0]
        yield
    finally:
        if not failed:
            loop.call_soon_threadsafe(ended.set)
        thread.join()
