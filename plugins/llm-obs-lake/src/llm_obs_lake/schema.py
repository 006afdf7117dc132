"""What is in each kind of file today. A contract: `tests/golden/schema.txt` holds it, a change of it is a decision.

A segment is up to five files of one tenant and one range of Positions. Rows are in the order of trace ids, spans also
of their start. What older segments have is in `versions.py`.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import pyarrow as pa
from llm_obs_core.model import ANNOTATION_COLUMNS, MEASURE_KEYS, MEASURE_VALUES, SPAN_COLUMNS, Column

__all__ = ["CODECS", "DELTAS", "KINDS", "ROW_GROUP_ROWS", "SCHEMAS", "STATISTICS", "TYPES", "Kind"]

Kind = Literal["spans", "content", "summaries", "measures", "annotations"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

TYPES: Final = {
    "string": pa.string(),
    "binary": pa.binary(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int8": pa.int8(),
    "bool": pa.bool_(),
    "float64": pa.float64(),
    "fixed16": pa.binary(16),
    "fixed8": pa.binary(8),
}
"""pyarrow's type of a column's."""


def _field(column: Column) -> pa.Field:
    return pa.field(column.name, TYPES[column.type], column.nullable)


def _required(name: str, type: pa.DataType) -> pa.Field:
    return pa.field(name, type, False)


def _histogram(name: str) -> list[pa.Field]:
    """Sparse: bucket indexes, ascending, and the counts beside them."""
    lists = ((f"{name}_index", pa.uint16()), (f"{name}_count", pa.uint32()))
    return [_required(column, pa.list_(_required("item", item))) for column, item in lists]


_TEXTS = pa.list_(_required("item", pa.string()))
_VALUES = [
    field
    for column in MEASURE_VALUES
    for field in (_histogram(column.name) if column.type == "histogram" else [_field(column)])
]

SCHEMAS: Final[dict[Kind, pa.Schema]] = {
    "spans": pa.schema(
        [
            *map(_field, SPAN_COLUMNS),
            _required("otlp_span", pa.binary()),  # the Span message without its content
            pa.field("otlp_scope", pa.binary()),
            pa.field("otlp_resource", pa.binary()),
        ]
    ),
    "content": pa.schema(
        [
            _required("trace_id", pa.binary(16)),
            _required("span_id", pa.binary(8)),
            _required("slot", pa.int8()),  # place in CONTENT_SLOTS
            _required("index", pa.int32()),  # place in the slot
            _required("digest", pa.binary(16)),
            _required("body_bytes", pa.int32()),
            _required("body_row", pa.int32()),  # the row of this file that holds the body: this one, or an earlier one
            pa.field("body", pa.string()),
        ]
    ),
    # What one segment knows of a trace. Partial rows of one trace add up to its summary: a value that is the earliest
    # span's stands beside that span's start.
    "summaries": pa.schema(
        [
            _required("trace_id", pa.binary(16)),
            _required("start_ns", pa.int64()),
            _required("end_ns", pa.int64()),
            _required("has_root", pa.bool_()),
            _required("name_start_ns", pa.int64()),  # of the span that name and service are of: a root, else the first
            _required("name", pa.string()),
            pa.field("service", pa.string()),
            _required("span_count", pa.int64()),
            _required("error_count", pa.int64()),
            _required("call_count", pa.int64()),
            _required("input_tokens", pa.int64()),
            _required("output_tokens", pa.int64()),
            pa.field("cost_nano_usd", pa.int64()),
            _required("unpriced_calls", pa.int64()),
            pa.field("call_start_ns", pa.int64()),  # of the first model call
            pa.field("ttft_ns", pa.int64()),
            _required("models", _TEXTS),
            _required("providers", _TEXTS),
            pa.field("user_start_ns", pa.int64()),
            pa.field("user_id", pa.string()),
            pa.field("session_start_ns", pa.int64()),
            pa.field("session_id", pa.string()),
            pa.field("application_start_ns", pa.int64()),
            pa.field("application", pa.string()),
        ]
    ),
    "measures": pa.schema([*map(_field, MEASURE_KEYS), *_VALUES]),
    "annotations": pa.schema([*map(_field, ANNOTATION_COLUMNS)]),
}

ROW_GROUP_ROWS: Final[dict[Kind, int]] = {
    "spans": 8_192,
    "content": 2_048,
    "summaries": 65_536,
    "measures": 65_536,
    "annotations": 8_192,
}
"""Most rows of a row group: small where single traces are read, large where all is."""

STATISTICS: Final[dict[Kind, list[str]]] = {
    "spans": ["trace_id", "start_ns"],
    "content": ["trace_id"],
    "summaries": ["start_ns"],
    "measures": ["minute_ns"],
    "annotations": ["trace_id"],
}
"""Columns whose least and greatest value of each row group is kept."""

CODECS: Final[dict[Kind, str]] = {kind: "lz4" if kind == "measures" else "zstd" for kind in KINDS}
"""Measures are read whole by every sum: LZ4 takes 5 % more room and a third less time to read than zstd."""

DELTAS: Final[dict[Kind, list[str]]] = {
    "spans": [],
    "content": [],
    "summaries": [],
    "measures": ["minute_ns", *(column.name for column in MEASURE_VALUES if column.type == "int64")],
    "annotations": [],
}
"""Columns of numbers that are written as packed differences: where all rows are read, they decode 2.5 times faster."""
