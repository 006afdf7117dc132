"""Rows of columns as dicts, and what rows of `SPAN_COLUMNS` mean, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.interfaces import Rows
from llm_obs_core.model import CONTENT_SLOTS, Column, Span, StatusCode

from llm_obs_testing.arrow import decode, encode

__all__ = ["Row", "columns_of", "is_call", "is_error", "model_of", "rows_of", "without_content"]

Row = dict[str, Any]
"""Column name to value."""

_SLOT_KEYS = {attribute for _, attribute in CONTENT_SLOTS}


def rows_of(batch: Rows) -> list[Row]:
    """The columns of each row."""
    columns = {name: decode(column) for name, column in batch.columns().items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def columns_of(table: Iterable[Column], rows: Sequence[Row]) -> ColumnBatch:
    """The rows as columns of a table; a histogram, bucket index to count, as its two lists."""
    columns = {}
    for name, type, _, _, _ in table:
        if type != "histogram":
            columns[name] = encode(type, [row[name] for row in rows])
            continue
        buckets = [sorted(row[name].items()) for row in rows]
        columns[f"{name}_index"] = encode("list<uint16>", [[index for index, _ in row] for row in buckets])
        columns[f"{name}_count"] = encode("list<uint32>", [[count for _, count in row] for row in buckets])
    return ColumnBatch(len(rows), columns)


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
