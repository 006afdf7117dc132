"""The columns of a span, computed in Python from its Struct."""

from __future__ import annotations

from typing import Any

from llm_obs_core import semconv
from llm_obs_core.model import SPAN_COLUMNS, AttributeValue, Column, Span
from llm_obs_core.pricing.cost import TokenBuckets
from llm_obs_core.pricing.usage import Counts, counts_of, settle
from llm_obs_core.typed import INT64_MAX, as_bool, as_first_text, as_int, as_nanoseconds, as_text

__all__ = ["row_of"]

INPUT_SIDE = ("input_tokens", "cache_read", "cache_write", "cache_write_1h", "audio_in", "image_in")
OUTPUT_SIDE = ("output_tokens", "reasoning", "audio_out")
TOKENS = {
    "input_tokens": INPUT_SIDE,
    "input_uncached": INPUT_SIDE,
    "output_tokens": OUTPUT_SIDE,
    "output_text": OUTPUT_SIDE,
    "cache_read": ("cache_read",),
    "cache_write_5m": ("cache_write",),
    "cache_write_1h": ("cache_write_1h",),
    "audio_in": ("audio_in",),
    "image_in": ("image_in",),
    "output_reasoning": ("reasoning",),
    "audio_out": ("audio_out",),
}
"""The token columns, and the counts of which one must have been sent."""


def _small(value: int) -> int:
    return value if -128 <= value <= 127 else 0


def _fixed(span: Span) -> dict[str, Any]:
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": _small(span.kind),
        "start_ns": min(span.start_ns, INT64_MAX),
        "duration_ns": min(max(span.end_ns - span.start_ns, 0), INT64_MAX),
        "status_code": _small(span.status_code),
        "status_message": span.status_message or None,
        "scope_name": span.scope_name or None,
    }


def _tokens(name: str, counts: Counts, buckets: TokenBuckets | None) -> int | None:
    if all((getattr(counts, part) or -1) < 0 and getattr(counts, part) != 0 for part in TOKENS[name]):
        return None
    count: int = getattr(buckets, name)
    return count


def _value(column: Column, value: AttributeValue) -> Any:
    if column.source == semconv.RESPONSE_TIME_TO_FIRST_CHUNK:
        return as_nanoseconds(value)
    if column.source == semconv.RESPONSE_FINISH_REASONS:
        return as_first_text(value)
    if column.type == "int32":
        number = as_int(value)
        return number if number is not None and -(2**31) <= number < 2**31 else None
    return {"string": as_text, "int64": as_int, "bool": as_bool}[column.type](value)


def row_of(span: Span) -> dict[str, Any]:
    """The values of `SPAN_COLUMNS`."""
    fixed, counts = _fixed(span), counts_of(span.attributes)
    buckets = settle(counts)
    row: dict[str, Any] = {}
    for column in SPAN_COLUMNS:
        scheme, _, field = column.source.rpartition(":")
        if column.name in TOKENS:
            row[column.name] = _tokens(column.name, counts, buckets)
        elif scheme == "span":
            row[column.name] = fixed[field]
        elif scheme == "resource":
            row[column.name] = as_text(span.resource.get(field))
            if row[column.name] is None and column.name == "environment":
                row[column.name] = as_text(span.resource.get("deployment.environment"))
        else:
            row[column.name] = _value(column, span.attributes.get(field))
    return row
