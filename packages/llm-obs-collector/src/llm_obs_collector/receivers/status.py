"""Why a request is refused, with one table of codes, and the bodies that say so: `google.rpc.Status` or JSON."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import msgspec
from llm_obs_core.errors import LimitError, LlmObsError, RetryableError, WireError
from llm_obs_core.protowire import delimited
from llm_obs_core.signals import JSON

from llm_obs_collector.signals.otlp import field, text

__all__ = ["Cause", "Refusal", "error_body", "refusal_of", "status_body"]


class Cause(Enum):
    """Why a request is refused: HTTP status, gRPC code.

    The pairs are those of the OTLP specification (failures, OTLP/HTTP response codes) and of `google.rpc.Code`.
    """

    MALFORMED = (400, 3)
    UNAUTHENTICATED = (401, 16)
    FORBIDDEN = (403, 7)
    NOT_FOUND = (404, 12)
    METHOD = (405, 12)
    TIMEOUT = (408, 4)
    TOO_LARGE = (413, 8)
    UNSUPPORTED = (415, 3)
    HEADERS_TOO_LARGE = (431, 8)
    INTERNAL = (500, 13)
    UNAVAILABLE = (503, 14)

    @property
    def http(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def grpc(self) -> int:
        """The gRPC code."""
        return self.value[1]


class Refusal(NamedTuple):
    """A refused request.

    Attributes:
        cause: Its codes.
        message: What was expected and what to do.
        retry_after_s: When it may be tried again, seconds.
        allow: The method that the path takes.
    """

    cause: Cause
    message: str
    retry_after_s: float | None = None
    allow: str = "POST"


def refusal_of(error: BaseException) -> Refusal:
    """What to answer when the pipeline raises."""
    if isinstance(error, RetryableError):
        return Refusal(Cause.UNAVAILABLE, str(error), error.retry_after_s or 1.0)
    if isinstance(error, LimitError):
        return Refusal(Cause.TOO_LARGE, str(error))
    if isinstance(error, WireError):
        return Refusal(Cause.MALFORMED, str(error))
    if isinstance(error, LlmObsError):
        return Refusal(Cause.INTERNAL, str(error))
    return Refusal(Cause.INTERNAL, "the collector failed on this request; its log names the cause")


def status_body(refusal: Refusal, *, retry_info: bool = False) -> bytes:
    """A `google.rpc.Status`; with `retry_info` a RetryInfo detail when the refusal has a delay."""
    body = field(1, refusal.cause.grpc) + text(2, refusal.message)
    if retry_info and refusal.retry_after_s is not None:
        seconds, rest = divmod(refusal.retry_after_s, 1)
        duration = field(1, int(seconds)) + field(2, int(rest * 1e9))
        detail = text(1, "type.googleapis.com/google.rpc.RetryInfo") + delimited(2, delimited(1, duration))
        body += delimited(3, detail)
    return body


def error_body(refusal: Refusal, content_type: str) -> bytes:
    """What an HTTP answer says of a refusal, in the type of the answer."""
    if content_type == JSON:
        return msgspec.json.encode({"error": refusal.message}) + b"\n"
    return status_body(refusal)
