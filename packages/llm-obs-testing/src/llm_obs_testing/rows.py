"""What a span's columns and messages are, in plain Python: the oracle beside `SpanBatch.columns` and `contents`."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.model import CONTENT_SLOTS, SPAN_COLUMNS, Span, StatusCode

__all__ = ["Message", "Row", "is_call", "is_error", "messages", "model_of", "span_row", "without_content"]

Row = dict[str, Any]
"""Column name to value, every name of `SPAN_COLUMNS`."""

_SLOT_KEYS = {attribute for _, attribute in CONTENT_SLOTS}
_INT64 = range(-(2**63), 2**63)


class Message(msgspec.Struct, frozen=True):
    """One message of a span's content."""

    slot: str
    index: int
    digest: bytes
    body: str


def span_row(span: Span) -> Row:
    """The columns of one span."""
    row: Row = {column.name: _column(span, column.source, column.type) for column in SPAN_COLUMNS}
    row["duration_ns"] = max(0, span.end_ns - span.start_ns)
    row |= _usage(row, span)
    if row["usage_role"] is None and row["operation"] in semconv.MODEL_CALLS:
        row["usage_role"] = "leaf"
    return row


def is_call(row: Row) -> bool:
    """Whether the row is a model call whose usage is added up."""
    return row["operation"] in semconv.MODEL_CALLS and row["usage_role"] in (None, "leaf")


def is_error(row: Row) -> bool:
    """Whether the row failed: OTLP status error, or an error type."""
    return row["status_code"] == StatusCode.ERROR or row["error_type"] is not None


def model_of(row: Row) -> str | None:
    """The model that answered, else the one asked for."""
    found: str | None = row["response_model"] if row["response_model"] is not None else row["request_model"]
    return found


def without_content(span: Span) -> Span:
    """The span without the attributes of `CONTENT_SLOTS`."""
    kept = {key: value for key, value in span.attributes.items() if key not in _SLOT_KEYS}
    return msgspec.structs.replace(span, attributes=kept)


def messages(span: Span, key: bytes) -> list[Message]:
    """The span's content, message by message: a JSON array's elements each, anything else as one."""
    found: list[Message] = []
    for slot, attribute in CONTENT_SLOTS:
        value = span.attributes.get(attribute)
        if value is None:
            continue
        for index, body in enumerate(_bodies(value)):
            digest = hashlib.blake2b(body.encode(), digest_size=16, key=key).digest()
            found.append(Message(slot, index, digest, body))
    return found


def _bodies(value: Any) -> list[str]:
    if isinstance(value, str):
        if not value.lstrip(" \t\r\n").startswith("["):
            return [value]
        try:
            return [bytes(item).decode() for item in msgspec.json.decode(value, type=list[msgspec.Raw])]
        except msgspec.DecodeError:
            return [value]
    if isinstance(value, list):
        return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in value]
    return [msgspec.json.encode(value).decode()]


def _column(span: Span, source: str, type: str) -> Any:
    if source.startswith("span:"):
        value: Any = getattr(span, source.removeprefix("span:"), None)
        return None if value == "" and source != "span:name" else value
    if source.startswith("resource:"):
        return _typed(span.resource.get(source.removeprefix("resource:")), type)
    if source == semconv.RESPONSE_TIME_TO_FIRST_CHUNK:
        seconds = span.attributes.get(source)
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            return None
        return round(seconds * 1_000_000_000) if math.isfinite(seconds) and seconds >= 0 else None
    value = span.attributes.get(source)
    if source == semconv.RESPONSE_FINISH_REASONS and isinstance(value, list):
        value = value[0] if value else None
    return _typed(value, type)


def _typed(value: Any, type: str) -> Any:
    if type == "string":
        return value if isinstance(value, str) else None
    if type == "bool":
        return value if isinstance(value, bool) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _INT64 else None


def _usage(row: Row, span: Span) -> Row:
    """The disjoint token buckets."""
    write = span.attributes.get(semconv.USAGE_CACHE_WRITE_INPUT_TOKENS)
    out: Row = {}
    if isinstance(write, int):
        out["cache_write_5m"] = max(0, write - (row["cache_write_1h"] or 0))
    if row["input_tokens"] is not None:
        others = [row["cache_read"], out.get("cache_write_5m"), row["cache_write_1h"], row["audio_in"], row["image_in"]]
        out["input_uncached"] = max(0, row["input_tokens"] - sum(filter(None, others)))
    if row["output_tokens"] is not None:
        out["output_text"] = max(
            0, row["output_tokens"] - sum(filter(None, [row["output_reasoning"], row["audio_out"]]))
        )
    return out
