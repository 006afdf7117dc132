"""Derived batches on their way to one sink: their own records, and the accepted records that they cover."""

from __future__ import annotations

from typing import NamedTuple

from llm_obs_core.interfaces import StoredRecord
from llm_obs_core.model import Covers, LogRecord, Position, RecordKind

from llm_obs_collector.assembly.covered import Covered, covered_of
from llm_obs_collector.assembly.opened import Opened
from llm_obs_collector.intake import Unit, Weight

__all__ = ["Batch", "batch_of", "ends_batch"]


class Batch(NamedTuple):
    """One derived batch.

    Attributes:
        first: Derived Position of its first record.
        last: Of its last.
        covers: The accepted records that it was derived from.
        covered: What it says of them.
        derived: Its records but the last.
        opened: The accepted records; empty until they are read.
    """

    first: Position
    last: Position
    covers: Covers
    covered: Covered
    derived: list[StoredRecord]
    opened: list[Opened]


def ends_batch(record: LogRecord) -> Weight | None:
    """What the batch counts as that a derived record ends."""
    if record.kind is not RecordKind.COVERED:
        return None
    covered = covered_of(record)
    return Weight(covered.items, covered.nbytes)


def batch_of(unit: Unit) -> Batch:
    """The batch of neighbouring derived records, of which the last is of kind COVERED."""
    *derived, end = unit.records
    assert end.record.covers is not None
    return Batch(unit.records[0].position, end.position, end.record.covers, covered_of(end.record), derived, [])
