"""Arrow columns read by pyarrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from llm_obs_core.interfaces import Arrow

__all__ = ["array_of", "pylist", "rows_of"]

TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "int8": pa.int8(),
    "bool": pa.bool_(),
    "float64": pa.float64(),
    "fixed16": pa.binary(16),
    "fixed8": pa.binary(8),
    "list<uint16>": pa.list_(pa.uint16()),
    "list<uint32>": pa.list_(pa.uint32()),
}


def array_of(column: Arrow) -> pa.Array:
    """The column as a validated pyarrow array over the same memory."""
    kind = TYPES[column.type]
    validity = None if column.validity is None else pa.py_buffer(column.validity)
    data = pa.py_buffer(column.data)
    if pa.types.is_list(kind):
        width = kind.value_type.bit_width // 8
        assert len(column.data) % width == 0
        items = pa.Array.from_buffers(kind.value_type, len(column.data) // width, [None, data])
        buffers = [validity, pa.py_buffer(column.offsets)]
        array = pa.Array.from_buffers(kind, column.length, buffers, column.null_count, children=[items])
    elif column.offsets is not None:
        buffers = [validity, pa.py_buffer(column.offsets), data]
        array = pa.Array.from_buffers(kind, column.length, buffers, column.null_count)
    else:
        array = pa.Array.from_buffers(kind, column.length, [validity, data], column.null_count)
    array.validate(full=True)
    assert (column.validity is None) == (column.null_count == 0)
    assert column.null_count == sum(value is None for value in array.to_pylist())
    return array


def pylist(column: Arrow) -> list[Any]:
    """The column's values."""
    return array_of(column).to_pylist()


def rows_of(columns: Mapping[str, Arrow]) -> list[dict[str, Any]]:
    """All columns as one dict a row."""
    lists = {name: pylist(column) for name, column in columns.items()}
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
