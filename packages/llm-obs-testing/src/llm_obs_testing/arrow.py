"""Columns in Arrow's memory layout, made and read in plain Python: the oracle beside the compiled ones."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final

from llm_obs_core.interfaces import Arrow

__all__ = ["ArrowColumn", "decode", "encode"]

_NUMBERS: Final = {"int64": "q", "int32": "i", "int8": "b", "float64": "d", "uint16": "H", "uint32": "I"}
_FIXED: Final = {"fixed16": 16, "fixed8": 8}


class ArrowColumn:
    """One column; implements `llm_obs_core.interfaces.Arrow`."""

    def __init__(
        self, type: str, length: int, null_count: int, validity: bytes | None, offsets: bytes | None, data: bytes
    ) -> None:
        self.type = type
        self.length = length
        self.null_count = null_count
        self.validity: memoryview | bytes | None = validity
        self.offsets: memoryview | bytes | None = offsets
        self.data: memoryview | bytes = data


def encode(type: str, values: Sequence[Any]) -> ArrowColumn:
    """The column of these values.

    Args:
        type: A type word of `Arrow`.
        values: One a row; None is null.
    """
    nulls = sum(value is None for value in values)
    validity = _bits([value is not None for value in values]) if nulls else None
    offsets: bytes | None = None
    if type == "bool":
        data = _bits([bool(value) for value in values])
    elif type in _NUMBERS:
        data = struct.pack(f"<{len(values)}{_NUMBERS[type]}", *(value or 0 for value in values))
    elif type in _FIXED:
        data = b"".join(bytes(_FIXED[type]) if value is None else value for value in values)
    else:
        pack = _packer(type)
        parts = [b"" if value is None else pack(value) for value in values]
        width = struct.calcsize(_NUMBERS[_item(type)]) if type.startswith("list<") else 1
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + len(part) // width)
        offsets = struct.pack(f"<{len(ends)}i", *ends)
        data = b"".join(parts)
    return ArrowColumn(type, len(values), nulls, validity, offsets, data)


def decode(column: Arrow) -> list[Any]:
    """The values of a column, one a row; None is null."""
    data = bytes(column.data)
    values: list[Any]
    if column.type == "bool":
        values = [_bit(data, row) for row in range(column.length)]
    elif column.type in _NUMBERS:
        code = _NUMBERS[column.type]
        values = list(struct.unpack_from(f"<{column.length}{code}", data))
    elif column.type in _FIXED:
        width = _FIXED[column.type]
        values = [data[row * width : (row + 1) * width] for row in range(column.length)]
    else:
        values = _decode_varied(column, data)
    if column.validity is None:
        return values
    validity = bytes(column.validity)
    return [value if _bit(validity, row) else None for row, value in enumerate(values)]


def _decode_varied(column: Arrow, data: bytes) -> list[Any]:
    if column.offsets is None:
        raise ValueError(f"a column of type {column.type} without offsets")
    ends = struct.unpack_from(f"<{column.length + 1}i", bytes(column.offsets))
    pairs = list(pairwise(ends))
    if column.type == "string":
        return [data[start:end].decode() for start, end in pairs]
    if column.type == "binary":
        return [data[start:end] for start, end in pairs]
    code = _NUMBERS[_item(column.type)]
    items = struct.unpack_from(f"<{ends[-1]}{code}", data)
    return [list(items[start:end]) for start, end in pairs]


def _item(type: str) -> str:
    return type.removeprefix("list<").removesuffix(">")


def _packer(type: str) -> Callable[[Any], bytes]:
    if type == "string":
        return lambda value: str(value).encode()
    if type == "binary":
        return bytes
    code = _NUMBERS[_item(type)]
    return lambda value: struct.pack(f"<{len(value)}{code}", *value)


def _bits(values: Sequence[bool]) -> bytes:
    out = bytearray((len(values) + 7) // 8)
    for row, value in enumerate(values):
        out[row >> 3] |= value << (row & 7)
    return bytes(out)


def _bit(data: bytes, row: int) -> bool:
    return bool(data[row >> 3] >> (row & 7) & 1)
