"""The answers of OTLP, encoded by hand: the messages are four fields in all, so no generated code is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llm_obs_core.model import Rejection
from llm_obs_core.protowire import delimited, varint

__all__ = ["export_response", "field", "text"]

MAX_MESSAGE_BYTES: Final = 4096
"""Longest text of an answer; OTLP limits an answer to 4 MiB (opentelemetry-proto, docs/specification.md, OTLP/HTTP)."""

_RULES: Final = {
    "trace_id_length": "a trace_id must have 16 bytes",
    "trace_id_zero": "a trace_id must not be all zero",
    "span_id_length": "a span_id must have 8 bytes",
    "span_id_zero": "a span_id must not be all zero",
    "parent_span_id_length": "a parent_span_id must be empty or have 8 bytes",
    "invalid_utf8": "strings must be UTF-8",
}


def export_response(rejected: Sequence[Rejection]) -> bytes:
    """An ExportTraceServiceResponse; empty when everything was accepted, as the specification asks."""
    if not rejected:
        return b""
    partial = field(1, sum(item.count for item in rejected)) + text(2, _explain(rejected))
    return delimited(1, partial)


def field(number: int, value: int) -> bytes:
    """A number; nothing when it is zero."""
    return varint(number << 3) + varint(value) if value else b""


def text(number: int, value: str) -> bytes:
    """A string, cut where it is too long for an answer."""
    return delimited(number, value.encode("utf-8", "replace")[:MAX_MESSAGE_BYTES].decode("utf-8", "ignore").encode())


def _explain(rejected: Sequence[Rejection]) -> str:
    parts = [
        f"{item.count} × {item.reason}: {_RULES.get(item.reason, item.reason)}, first at span {item.index}"
        for item in rejected
    ]
    return "rejected " + "; ".join(parts) + "; correct the sender, these spans were not stored"
