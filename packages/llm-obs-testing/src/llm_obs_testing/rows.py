"""Rows of columns as dicts."""

from __future__ import annotations

from typing import Any

import msgspec
from llm_obs_core.interfaces import SpanBatch
from llm_obs_core.model import CONTENT_SLOTS, Span

from llm_obs_testing.arrow import decode

__all__ = ["Row", "rows_of", "without_content"]

Row = dict[str, Any]
"""Column name to value, every name of `SPAN_COLUMNS`."""

_SLOT_KEYS = {attribute for _, attribute in CONTENT_SLOTS}


def rows_of(batch: SpanBatch) -> list[Row]:
    """The columns of each span."""
    columns = {name: decode(column) for name, column in batch.columns().items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def without_content(span: Span) -> Span:
    """The span without the attributes of `CONTENT_SLOTS`."""
    kept = {key: value for key, value in span.attributes.items() if key not in _SLOT_KEYS}
    return msgspec.structs.replace(span, attributes=kept)
