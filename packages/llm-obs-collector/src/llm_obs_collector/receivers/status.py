"""The answers of OTLP, encoded: success, partial success and `google.rpc.Status`, with one table of codes.

The messages are four fields in all, so they are written here by hand and no generated code is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from llm_obs_core.errors import LimitError, LlmObsError, RetryableError, WireError
from llm_obs_core.model import Rejection
from llm_obs_core.protowire import delimited, varint

__all__ = ["Cause", "Refusal", "export_response", "refusal_of", "status_body"]

MAX_MESSAGE_BYTES = 4096
"""Longest text of an answer; OTLP limits an answer to 4 MiB (opentelemetry-proto, docs/specification.md, OTLP/HTTP)."""


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


def export_response(rejected: Sequence[Rejection]) -> bytes:
    """An ExportTraceServiceResponse; empty when everything was accepted, as the specification asks."""
    if not rejected:
        return b""
    partial = _field(1, sum(item.count for item in rejected)) + _text(2, _explain(rejected))
    return delimited(1, partial)


def status_body(refusal: Refusal, *, retry_info: bool = False) -> bytes:
    """A `google.rpc.Status`; with `retry_info` a RetryInfo detail when the refusal has a delay."""
    body = _field(1, refusal.cause.grpc) + _text(2, refusal.message)
    if retry_info and refusal.retry_after_s is not None:
        seconds, rest = divmod(refusal.retry_after_s, 1)
        duration = _field(1, int(seconds)) + _field(2, int(rest * 1e9))
        detail = _text(1, "type.googleapis.com/google.rpc.RetryInfo") + delimited(2, delimited(1, duration))
        body += delimited(3, detail)
    return body


_RULES = {
    "trace_id_length": "a trace_id must have 16 bytes",
    "trace_id_zero": "a trace_id must not be all zero",
    "span_id_length": "a span_id must have 8 bytes",
    "span_id_zero": "a span_id must not be all zero",
    "parent_span_id_length": "a parent_span_id must be empty or have 8 bytes",
    "invalid_utf8": "strings must be UTF-8",
}


def _explain(rejected: Sequence[Rejection]) -> str:
    parts = [
        f"{item.count} × {item.reason}: {_RULES.get(item.reason, item.reason)}, first at span {item.index}"
        for item in rejected
    ]
    return "rejected " + "; ".join(parts) + "; correct the sender, these spans were not stored"


def _field(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value) if value else b""


def _text(number: int, value: str) -> bytes:
    return delimited(number, value.encode("utf-8", "replace")[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore").encode())
