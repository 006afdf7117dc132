"""One HTTP request on its way in, and the answers on their way out."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

from llm_obs_core.interfaces import Principal

from llm_obs_collector.budget import Held
from llm_obs_collector.receivers.status import Refusal, status_body

__all__ = ["PROTOBUF", "Request", "head", "refused"]

PROTOBUF: Final = "application/x-protobuf"
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 128


class Request:
    """What the parser has gathered of a request; `refusal` is set as soon as it is known that it will be refused."""

    __slots__ = (
        "body",
        "body_bytes",
        "content_encoding",
        "content_length",
        "expect_continue",
        "header_bytes",
        "headers",
        "held",
        "keep_alive",
        "method",
        "principal",
        "refusal",
        "target",
    )

    def __init__(self, held: Held) -> None:
        self.held = held
        self.method = ""
        self.target = b""
        self.headers: dict[str, str] = {}
        self.header_bytes = 0
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.content_encoding = "identity"
        self.content_length: int | None = None
        self.expect_continue = False
        self.keep_alive = True
        self.principal: Principal | None = None
        self.refusal: Refusal | None = None

    @property
    def query(self) -> str:
        """The target's query, without the question mark."""
        return self.target.partition(b"?")[2].decode("latin-1")

    @property
    def path(self) -> str:
        """The target without its query, and without the server's name, which it may begin with (RFC 9112, 3.2.2)."""
        path = self.target.split(b"?", 1)[0].decode("latin-1")
        if path.startswith(("http://", "https://")):
            return "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
        return path

    @property
    def media_type(self) -> str:
        """The content type without parameters, lower case."""
        return self.headers.get("content-type", "").split(";", 1)[0].strip().lower()


def head(
    status: int, body_bytes: int, content_type: str, *, keep_alive: bool, extra: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """The status line and headers of an answer."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {content_type}",
        f"Content-Length: {body_bytes}",
        *(f"{name}: {value}" for name, value in extra),
    ]
    if not keep_alive:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def refused(refusal: Refusal, *, keep_alive: bool) -> bytes:
    """A whole answer with a `google.rpc.Status` body (OTLP/HTTP, failures: the body MUST be a Status)."""
    extra: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after_s is not None:
        extra = (("Retry-After", str(max(1, math.ceil(refusal.retry_after_s)))),)
    if refusal.cause.http == 401:
        extra = (*extra, ("WWW-Authenticate", "Bearer"))
    if refusal.cause.http == 405:
        extra = (*extra, ("Allow", refusal.allow))
    body = status_body(refusal)
    return head(refusal.cause.http, len(body), PROTOBUF, keep_alive=keep_alive, extra=extra) + body
