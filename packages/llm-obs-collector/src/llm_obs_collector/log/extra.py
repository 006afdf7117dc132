"""What a header says beyond its fixed fields: slice, target, origin, range covered. MessagePack, often empty."""

from __future__ import annotations

from typing import Final

import msgspec
from llm_obs_core.errors import StoreError
from llm_obs_core.model import Covers, LogRecord, Position, Stream

__all__ = ["RESENT", "Extra", "extra_of", "pack_extra", "unpack_resent"]

RESENT: Final = 9
"""A kind of format 1: spans for one sink, whose name stands before them. It became `LogRecord.target`."""

_Sequences = tuple[int, int, int]
_Position = tuple[str, int, int, Stream]


class Extra(msgspec.Struct, array_like=True, frozen=True, omit_defaults=True):
    """Sequences of a range are of the record's own writer and partition: first, last, after (0 for none)."""

    slice: int = 0
    target: str = ""
    origin: _Position | None = None
    covers: _Sequences | None = None


_NONE: Final = Extra()
_DECODER: Final = msgspec.msgpack.Decoder(Extra)


def pack_extra(record: LogRecord) -> bytes:
    """The extra bytes of a record's header; empty when it has nothing beyond the fixed fields."""
    if not (record.slice or record.target or record.origin is not None or record.covers is not None):
        return b""
    origin = None if record.origin is None else msgspec.structs.astuple(record.origin)
    covers = None
    if record.covers is not None:
        after = record.covers.after
        covers = (record.covers.first.sequence, record.covers.last.sequence, 0 if after is None else after.sequence)
    return msgspec.msgpack.encode(Extra(record.slice, record.target, origin, covers))


def extra_of(data: bytes) -> Extra:
    """What the extra bytes of a header say.

    Raises:
        StoreError: They are of a newer version.
    """
    if not data:
        return _NONE
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise StoreError(
            "a record header of this version", got=str(error), where="log record",
            fix="start the version of llm-obs that wrote this log",
        ) from None  # fmt: skip


def origin_of(extra: Extra) -> Position | None:
    """The Position that a record had when it first was in the log."""
    return None if extra.origin is None else Position(*extra.origin)


def covers_of(extra: Extra, writer: str, partition: int) -> Covers | None:
    """The range that a derived record was derived from."""
    if extra.covers is None:
        return None
    first, last, after = extra.covers
    return Covers(
        Position(writer, partition, first),
        Position(writer, partition, last),
        Position(writer, partition, after) if after else None,
    )


def unpack_resent(payload: bytes) -> tuple[str, bytes]:
    """Target and spans of a record of the old kind RESENT."""
    end = 1 + payload[0]
    return payload[1:end].decode(), payload[end:]
