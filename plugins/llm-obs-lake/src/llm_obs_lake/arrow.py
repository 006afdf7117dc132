"""From the columns of a batch to pyarrow, without copying; ids as numbers for numpy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llm_obs_core.errors import PermanentError
from llm_obs_core.interfaces import Arrow

from llm_obs_lake.schema import TYPES
from llm_obs_lake.versions import nothing

__all__ = ["array_of", "id_numbers", "numbers", "table_of"]

_ITEMS = {"list<uint16>": pa.uint16(), "list<uint32>": pa.uint32()}


def array_of(column: Arrow) -> pa.Array:
    """The column as a pyarrow array over the same memory."""
    validity = None if column.validity is None else pa.py_buffer(column.validity)
    data = pa.py_buffer(column.data)
    if column.type in _ITEMS:
        item = _ITEMS[column.type]
        offsets = pa.py_buffer(column.offsets)
        length = int(np.frombuffer(offsets, np.int32)[column.length]) if column.length else 0
        child = pa.Array.from_buffers(item, length, [None, data])
        kind = pa.list_(pa.field("item", item, False))
        return pa.Array.from_buffers(kind, column.length, [validity, offsets], column.null_count, children=[child])
    buffers = [validity, data] if column.offsets is None else [validity, pa.py_buffer(column.offsets), data]
    return pa.Array.from_buffers(TYPES[column.type], column.length, buffers, column.null_count)


def table_of(columns: Mapping[str, Arrow], schema: pa.Schema, rows: int, zeros: Collection[str] = ()) -> pa.Table:
    """The schema's columns out of a mapping that may have more or, written by another version, less.

    Args:
        columns: By name.
        schema: What is to come out.
        rows: Of each column.
        zeros: Columns of the schema that are 0, or a list without items, where there are none.

    Raises:
        PermanentError: One is missing that can be neither null nor 0.
    """
    found = []
    for field in schema:
        if field.name in columns:
            found.append(array_of(columns[field.name]))
        elif field.nullable or field.name in zeros:
            found.append(nothing(field, rows))
        else:
            raise PermanentError(
                f"rows with a column {field.name}",
                got=", ".join(columns) or "no columns",
                fix="start the version of llm-obs that wrote them to the log",
            )
    return pa.Table.from_arrays(found, schema=schema)


def numbers(column: pa.ChunkedArray | pa.Array, null: int = 0) -> npt.NDArray[Any]:
    """A column of numbers or booleans for numpy, `null` in the place of nulls."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.null_count:
        column = column.fill_null(null)
    found: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found


def id_numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.uint64]:
    """Ids of 16 or 8 bytes without nulls as rows of one or two unsigned numbers that are ordered as the bytes are."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    words = column.type.byte_width // 8
    raw = np.frombuffer(column.buffers()[1], dtype=">u8", offset=column.offset * words * 8, count=len(column) * words)
    return raw.astype(np.uint64).reshape(-1, words)
