"""One HTTP request on its way in, and the answers on their way out."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from llm_obs_core.interfaces import Principal
from llm_obs_core.signals import PROTOBUF

from llm_obs_collector.budget import Reservation
from llm_obs_collector.receivers.status import Refusal, error_body

__all__ = ["Request", "head", "refused"]

IDENTITY: Final = "identity"


class Request:
    """What the parser has gathered of a request; `refusal` is set as soon as it is known that it will be refused.

    Args:
        reservation: What it holds of the budget.
    """

    __slots__ = (
        "answer_type",
        "answerer",
        "body",
        "body_bytes",
        "content_encoding",
        "content_length",
        "expect_continue",
        "header_bytes",
        "headers",
        "keep_alive",
        "method",
        "principal",
        "refusal",
        "reservation",
        "target",
    )

    def __init__(self, reservation: Reservation) -> None:
        self.reservation = reservation
        self.method = ""
        self.target = b""
        self.headers: dict[str, str] = {}
        self.header_bytes = 0
        self.body: list[bytes] = []
        self.body_bytes = 0
        self.content_encoding = IDENTITY
        self.answer_type = PROTOBUF
        """Content type of the answer."""
        self.answerer: Callable[[Request], Awaitable[bytes]] | None = None
        """Makes the answer; found while the headers are screened."""
        self.content_length: int | None = None
        self.expect_continue = False
        self.keep_alive = True
        self.principal: Principal | None = None
        self.refusal: Refusal | None = None

    def drop(self) -> None:
        """Forgets the body, and gives back what it holds."""
        self.body.clear()
        self.reservation.release()

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


def refused(request: Request, refusal: Refusal) -> bytes:
    """A whole answer. Its body is a `google.rpc.Status` (OTLP/HTTP, failures), or JSON where answers are JSON."""
    extra: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after_s is not None:
        extra = (("Retry-After", str(max(1, math.ceil(refusal.retry_after_s)))),)
    if refusal.cause.http == 401:
        extra = (*extra, ("WWW-Authenticate", "Bearer"))
    if refusal.cause.http == 405:
        extra = (*extra, ("Allow", refusal.allow))
    body = error_body(refusal, request.answer_type)
    start = head(refusal.cause.http, len(body), request.answer_type, keep_alive=request.keep_alive, extra=extra)
    return start + body
