"""The record that ends a derived batch: what the range holds, and which of its spans are duplicates."""

from __future__ import annotations

import msgspec
from llm_obs_core.errors import StoreError
from llm_obs_core.model import Covers, LogRecord, RecordKind
from llm_obs_core.model import Position as At

__all__ = ["UNKNOWN_DIGEST", "Covered", "Mask", "covered_of", "covered_record"]

UNKNOWN_DIGEST = bytes(16)
"""Derived records are never recognised as resends."""


class Mask(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Which rows of one covered record count: a byte a row.

    0: a duplicate of a span that was seen before. 1: first seen. 2: seen before with other facts, so it is stored in
    place of the earlier one, and measured once all the same.
    """

    sequence: int
    rows: bytes


class Covered(msgspec.Struct, array_like=True, frozen=True):
    """What a range holds.

    Attributes:
        records: How many records.
        items: Their items together.
        nbytes: Their payloads together, bytes.
        masks: Of the records that do not count whole, by their sequence within the range.
        unreadable: Sequences of records whose payload is not what their header says.
    """

    records: int
    items: int
    nbytes: int
    masks: tuple[Mask, ...] = ()
    unreadable: tuple[int, ...] = ()

    def mask_of(self, position: At) -> bytes | None:
        """The mask of a record, None when all of it counts."""
        return next((mask.rows for mask in self.masks if mask.sequence == position.sequence), None)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Covered)


def covered_record(covered: Covered, covers: Covers, received_ns: int) -> LogRecord:
    """The record of kind COVERED."""
    return LogRecord(
        RecordKind.COVERED, "", received_ns, UNKNOWN_DIGEST, covered.items, 0, _ENCODER.encode(covered), covers=covers
    )


def covered_of(record: LogRecord) -> Covered:
    """What a record of kind COVERED says.

    Raises:
        StoreError: It cannot be read.
    """
    try:
        return _DECODER.decode(record.payload)
    except msgspec.MsgspecError as error:
        raise StoreError(
            "a record of kind COVERED", got=str(error), where="derived stream",
            fix="start the version of llm-obs that wrote this log",
        ) from None  # fmt: skip
