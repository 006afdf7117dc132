"""Columns as one block of bytes, and back without copying: how derived rows lie in the log.

u32 header_bytes · header (MessagePack) · zeros to a multiple of 8 · buffers, each padded to a multiple of 8. The header
names each column with its type, null count and the places of its buffers, so that a reader takes the columns that it
knows and takes those that are missing for null.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

import msgspec

from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces.batch import Arrow

__all__ = ["ArrowColumn", "ColumnBatch", "pack", "unpack"]

VERSION: Final = 1
_LENGTH: Final = struct.Struct("<I")
_ALIGNMENT: Final = 8


class ArrowColumn(msgspec.Struct, gc=False):
    """One column in Arrow's memory layout; see `llm_obs_core.interfaces.Arrow`."""

    type: str
    length: int
    null_count: int
    validity: memoryview | bytes | None
    offsets: memoryview | bytes | None
    data: memoryview | bytes


class ColumnBatch:
    """Rows as columns.

    Args:
        length: Rows.
        columns: By name, each of `length` rows.
    """

    __slots__ = ("_columns", "_length")

    def __init__(self, length: int, columns: Mapping[str, Arrow]) -> None:
        self._length = length
        self._columns = columns

    def __len__(self) -> int:
        return self._length

    def columns(self) -> Mapping[str, Arrow]:
        """Every column by name."""
        return self._columns


class _Place(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A column in the block: buffers as (offset, bytes), None where there is none."""

    name: str
    type: str
    null_count: int
    buffers: tuple[tuple[int, int] | None, tuple[int, int] | None, tuple[int, int]]


class _Head(msgspec.Struct, array_like=True, frozen=True, gc=False):
    version: int
    rows: int
    columns: tuple[_Place, ...]


def pack(batch: ColumnBatch) -> bytes:
    """The batch as one block of bytes."""
    places: list[_Place] = []
    parts: list[bytes | memoryview] = []
    at = 0

    def put(data: memoryview | bytes) -> tuple[int, int]:
        nonlocal at
        size = data.nbytes if isinstance(data, memoryview) else len(data)
        place = (at, size)
        padding = -size % _ALIGNMENT
        parts.extend((data, bytes(padding)))
        at += size + padding
        return place

    for name, column in batch.columns().items():
        validity = None if column.validity is None else put(column.validity)
        offsets = None if column.offsets is None else put(column.offsets)
        places.append(_Place(name, column.type, column.null_count, (validity, offsets, put(column.data))))
    head = msgspec.msgpack.encode(_Head(VERSION, len(batch), tuple(places)))
    start = _LENGTH.pack(len(head)) + head
    return b"".join([start, bytes(-len(start) % _ALIGNMENT), *parts])


def unpack(block: bytes) -> ColumnBatch:
    """The rows of a block; the columns are views of it.

    Raises:
        StoreError: It is no such block, or of a newer version.
    """
    try:
        (size,) = _LENGTH.unpack_from(block)
        head = msgspec.msgpack.decode(memoryview(block)[_LENGTH.size : _LENGTH.size + size], type=_Head)
    except (struct.error, msgspec.MsgspecError) as error:
        raise StoreError("packed columns", got=str(error), where="a derived record") from None
    if head.version != VERSION:
        raise StoreError(
            f"packed columns of version {VERSION}", got=f"version {head.version}", where="a derived record",
            fix="start the version of llm-obs that wrote this log",
        )  # fmt: skip
    start = _LENGTH.size + size
    body = memoryview(block)[start + -start % _ALIGNMENT :]

    def view(place: tuple[int, int] | None) -> memoryview | None:
        if place is None:
            return None
        offset, nbytes = place
        if offset < 0 or nbytes < 0 or offset + nbytes > len(body):
            raise StoreError("packed columns", got="a buffer beyond their end", where="a derived record")
        return body[offset : offset + nbytes]

    columns: dict[str, Arrow] = {}
    for item in head.columns:
        validity, offsets, data = (view(place) for place in item.buffers)
        assert data is not None
        columns[item.name] = ArrowColumn(item.type, head.rows, item.null_count, validity, offsets, data)
    return ColumnBatch(head.rows, columns)
