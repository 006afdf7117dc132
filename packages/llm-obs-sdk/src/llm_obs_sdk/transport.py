"""One keep-alive HTTP/1.1 connection for POST requests, with a bound on the whole exchange.

Its own, because a library that the application has instrumented would trace our requests, and because a per-read
timeout does not stop a server that answers one byte at a time. Redirects are not followed: headers hold a key.
"""

from __future__ import annotations

import errno
import socket
import time
import zlib
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["MAX_RESPONSE_BYTES", "Connection", "Reply", "ReplyTooLarge"]

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
"""OTLP 1.11: a client bounds the answer, also after decompression."""


class Reply(NamedTuple):
    """An answer: status code, lower-case header names, decompressed body."""

    status: int
    headers: dict[str, str]
    body: bytes


class ReplyTooLarge(Exception):
    """The answer is larger than a client may read."""


class Connection:
    """A connection that is opened when it is needed; used by one thread.

    Args:
        url: Where to post.
        headers: Sent with every request.
        timeout_s: Bound of one exchange, in seconds.
    """

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = f"[{self._host}]" if ":" in self._host else self._host
        lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._head = "\r\n".join(lines)
        if any(ord(c) < 32 or ord(c) == 127 for line in lines for c in line):
            raise ValueError("headers without control characters")
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._rest = b""

    def close(self) -> None:
        """Closes the connection; may be called from another thread to end a request that hangs."""
        taken, self._socket = self._socket, None
        if taken is not None:
            try:
                taken.shutdown(socket.SHUT_RDWR)
            except OSError:
                taken.close()  # it was not connected any more
            else:
                taken.close()

    def post(self, body: bytes, encoding: str = "") -> Reply:
        """Sends a body and reads the answer.

        Raises:
            OSError: No answer (refused, reset, timed out, not HTTP).
            ReplyTooLarge: See `MAX_RESPONSE_BYTES`.
        """
        deadline = time.monotonic() + self._timeout_s
        head = f"{self._head}\r\nContent-Length: {len(body)}\r\n"
        if encoding:
            head += f"Content-Encoding: {encoding}\r\n"
        data = head.encode("latin-1", "replace") + b"\r\n"
        fresh = self._socket is None
        try:
            try:
                return self._exchange(data, body, deadline)
            except (BrokenPipeError, ConnectionResetError, _ClosedEarly):
                # A kept connection may have been closed by the server meanwhile: once more on a new one.
                if fresh:
                    raise
                self.close()
                return self._exchange(data, body, deadline)
        except OSError as error:
            closed = self._socket is None and error.errno == errno.EBADF
            self.close()
            if closed:  # by `close`, from another thread
                raise ConnectionAbortedError("no answer until the end of the wait") from None
            raise
        except BaseException:
            self.close()
            raise

    def _exchange(self, head: bytes, body: bytes, deadline: float) -> Reply:
        sock = self._socket or self._open(deadline)
        self._rest = b""
        sock.settimeout(_left(deadline))
        sock.sendall(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            sock.settimeout(_left(deadline))
            sock.sendall(body)
        status, headers = self._read_head(sock, deadline)
        while 100 <= status < 200:
            status, headers = self._read_head(sock, deadline)
        raw = self._read_body(sock, headers, status, deadline)
        if headers.get("content-encoding", "").lower() == "gzip":
            raw = _inflate(raw)
        if "close" in headers.get("connection", "").lower():
            self.close()
        return Reply(status, headers, raw)

    def _open(self, deadline: float) -> socket.socket:
        sock = socket.create_connection((self._host, self._port), timeout=_left(deadline))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            import ssl

            sock.settimeout(_left(deadline))
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=self._host)
        self._socket = sock
        return sock

    def _more(self, sock: socket.socket, deadline: float) -> bytes:
        sock.settimeout(_left(deadline))
        data = sock.recv(65536)
        if not data:
            raise _ClosedEarly("the connection was closed before the answer was complete")
        return data

    def _read_head(self, sock: socket.socket, deadline: float) -> tuple[int, dict[str, str]]:
        data = self._rest
        while b"\r\n\r\n" not in data:
            if len(data) > 65536:
                raise ReplyTooLarge("headers of more than 64 KiB")
            data += self._more(sock, deadline)
        head, _, self._rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
            raise OSError("expected an HTTP/1.1 answer, got something else; is this the OTLP/HTTP port (4318)?")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if version == "HTTP/1.0" and "connection" not in headers:
            headers["connection"] = "close"
        return int(rest[:3]), headers

    def _read_body(self, sock: socket.socket, headers: dict[str, str], status: int, deadline: float) -> bytes:
        if status in (204, 304):
            return b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._read_chunks(sock, deadline)
        length = headers.get("content-length", "")
        if not length.isdigit():
            headers["connection"] = "close"
            data = self._rest
            while len(data) <= MAX_RESPONSE_BYTES:
                sock.settimeout(_left(deadline))
                piece = sock.recv(65536)
                if not piece:
                    return data
                data += piece
            raise ReplyTooLarge("an answer without end")
        if int(length) > MAX_RESPONSE_BYTES:
            raise ReplyTooLarge(f"an answer of {length} bytes")
        return self._read_exactly(sock, int(length), deadline)

    def _read_exactly(self, sock: socket.socket, count: int, deadline: float) -> bytes:
        data = bytearray(self._rest)
        while len(data) < count:
            data += self._more(sock, deadline)
        self._rest = bytes(data[count:])
        return bytes(data[:count])

    def _read_chunks(self, sock: socket.socket, deadline: float) -> bytes:
        body = bytearray()
        while True:
            while b"\r\n" not in self._rest:
                if len(self._rest) > 4096:
                    raise OSError("expected a chunk size, got a longer line")
                self._rest += self._more(sock, deadline)
            line, _, self._rest = self._rest.partition(b"\r\n")
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise OSError("expected a chunk size in hexadecimal, got something else") from None
            if size == 0:
                while b"\r\n" not in self._rest:
                    self._rest += self._more(sock, deadline)
                return bytes(body)
            if size < 0 or len(body) + size > MAX_RESPONSE_BYTES:
                raise ReplyTooLarge("an answer of more than 4 MiB")
            body += self._read_exactly(sock, size + 2, deadline)[:size]


class _ClosedEarly(OSError):
    pass


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no complete answer in time")
    return left


def _inflate(raw: bytes) -> bytes:
    inflater = zlib.decompressobj(31)
    try:
        body = inflater.decompress(raw, MAX_RESPONSE_BYTES + 1)
    except zlib.error as error:
        raise OSError(f"expected a gzip answer, got bytes that are not: {error}") from None
    if len(body) > MAX_RESPONSE_BYTES:
        raise ReplyTooLarge("an answer of more than 4 MiB after decompression")
    return body
