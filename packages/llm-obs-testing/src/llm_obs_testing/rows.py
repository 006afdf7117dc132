"""Rows of columns as dicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.interfaces import Rows
from llm_obs_core.model import CONTENT_SLOTS, Column, Span

from llm_obs_testing.arrow import decode, encode

__all__ = ["Row", "columns_of", "rows_of", "without_content"]

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


def without_content(span: Span) -> Span:
    """The span without the attributes of `CONTENT_SLOTS`."""
    kept = {key: value for key, value in span.attributes.items() if key not in _SLOT_KEYS}
    return msgspec.structs.replace(span, attributes=kept)
