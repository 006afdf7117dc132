"""Columns from lists of values, and back. Python runs once per value: for rows that come at a human's rate."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress, pairwise
from typing import Final, TypeAlias

from llm_obs_core.columnar import ArrowColumn, ColumnBatch
from llm_obs_core.interfaces.batch import Arrow
from llm_obs_core.model import Column

__all__ = ["Value", "batch_of", "column_of", "concat", "select", "values_of"]

Value: TypeAlias = str | int | float | bool | bytes | None
"""One value of a column; None is null."""

_NUMBERS: Final = {"int64": "q", "int32": "i", "int8": "b", "float64": "d"}
_FIXED: Final = {"fixed16": 16, "fixed8": 8}


def column_of(type: str, values: Sequence[Value]) -> ArrowColumn:
    """The column of these values.

    Args:
        type: A type word of `llm_obs_core.model.Column`, or `binary`.
        values: One a row; None is null.

    Raises:
        TypeError: A value is not of that type.
        ValueError: A value does not fit, or there is no such type.
    """
    nulls = sum(value is None for value in values)
    validity = _bits([value is not None for value in values]) if nulls else None
    offsets = None
    if type == "bool":
        data = _bits([bool(value) for value in values])
    elif (code := _NUMBERS.get(type)) is not None:
        try:
            data = struct.pack(f"<{len(values)}{code}", *(0 if value is None else value for value in values))
        except struct.error as error:
            raise ValueError(f"expected values of type {type}, got one that is none: {error}") from None
    elif (width := _FIXED.get(type)) is not None:
        parts = [bytes(width) if value is None else _bytes(type, value) for value in values]
        if any(len(part) != width for part in parts):
            raise ValueError(f"expected values of {width} bytes, got one of another length")
        data = b"".join(parts)
    elif type in ("string", "binary"):
        parts = [b"" if value is None else _bytes(type, value) for value in values]
        ends = list(accumulate(map(len, parts), initial=0))
        if ends[-1] >= 2**31:
            raise ValueError(f"expected a column of less than 2 GiB, got {ends[-1]} bytes")
        offsets = struct.pack(f"<{len(ends)}i", *ends)
        data = b"".join(parts)
    else:
        raise ValueError(f"expected the type of a column, got {type!r}")
    return ArrowColumn(type, len(values), nulls, validity, offsets, data)


def values_of(column: Arrow) -> list[Value]:
    """The values of a column, one a row; None is null."""
    data, rows = bytes(column.data), column.length
    values: list[Value]
    if column.type == "bool":
        values = [_bit(data, row) for row in range(rows)]
    elif (code := _NUMBERS.get(column.type)) is not None:
        values = list(struct.unpack_from(f"<{rows}{code}", data))
    elif (width := _FIXED.get(column.type)) is not None:
        values = [data[row * width : (row + 1) * width] for row in range(rows)]
    elif column.type in ("string", "binary") and column.offsets is not None:
        parts = [data[start:end] for start, end in pairwise(struct.unpack_from(f"<{rows + 1}i", column.offsets))]
        values = [part.decode() for part in parts] if column.type == "string" else list(parts)
    else:
        raise ValueError(f"expected a column of single values, got one of type {column.type!r}")
    if column.validity is None:
        return values
    validity = bytes(column.validity)
    return [value if _bit(validity, row) else None for row, value in enumerate(values)]


def batch_of(table: Sequence[Column], rows: Iterable[Sequence[Value]]) -> ColumnBatch:
    """Rows of a table as columns.

    Args:
        table: The columns, in the order of each row's values.
        rows: The rows.
    """
    kept = list(rows)
    columns = {column.name: column_of(column.type, [row[place] for row in kept]) for place, column in enumerate(table)}
    return ColumnBatch(len(kept), columns)


def select(batch: ColumnBatch, mask: bytes | bytearray | memoryview) -> ColumnBatch:
    """The rows whose byte in `mask` is not zero."""
    length = sum(map(bool, mask))
    columns = {
        name: column_of(column.type, list(compress(values_of(column), mask)))
        for name, column in batch.columns().items()
    }
    return ColumnBatch(length, columns)


def concat(table: Sequence[Column], batches: Sequence[ColumnBatch]) -> ColumnBatch:
    """The rows of all batches, in order.

    Args:
        table: The columns that the result has; one that a batch lacks is null there.
        batches: Each with rows of the table.
    """
    found: dict[str, list[Value]] = {column.name: [] for column in table}
    for batch in batches:
        columns = batch.columns()
        for name, values in found.items():
            values.extend(values_of(columns[name]) if name in columns else [None] * len(batch))
    columns = {column.name: column_of(column.type, found[column.name]) for column in table}
    return ColumnBatch(sum(map(len, batches)), columns)


def _bytes(type: str, value: Value) -> bytes:
    if type == "string" and isinstance(value, str):
        return value.encode()
    if type != "string" and isinstance(value, bytes):
        return value
    raise TypeError(f"expected a value of type {type}, got {value.__class__.__name__}")


def _bits(values: Sequence[bool]) -> bytes:
    out = bytearray((len(values) + 7) // 8)
    for row, value in enumerate(values):
        out[row >> 3] |= value << (row & 7)
    return bytes(out)


def _bit(data: bytes, row: int) -> bool:
    return bool(data[row >> 3] >> (row & 7) & 1)
