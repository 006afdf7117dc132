"""What is derived from a range of accepted records. Runs in a thread; nothing here is once per span in Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from llm_obs_core.columnar import ColumnBatch, pack
from llm_obs_core.model import Covers, LogRecord, Position, RecordKind
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.dedup import DedupIndex

from llm_obs_collector.assembly.covered import UNKNOWN_DIGEST, Covered, Mask, covered_record
from llm_obs_collector.assembly.opened import Opened

__all__ = ["Derived", "derive", "remember"]

_FIRST_SEEN_ONLY = bytes([0, 1, *bytes(254)])
"""Of a mask, the rows that are measured."""


class Derived(NamedTuple):
    """One batch for the derived stream, and what was counted.

    Attributes:
        opened: The range's records.
        records: Measures of each tenant, then the record that ends the batch.
        duplicates: Spans that had been seen before.
        replaced: Spans that had been seen before with other facts.
        unreadable: Items of records that cannot be read.
    """

    opened: list[Opened]
    records: list[LogRecord]
    duplicates: int
    replaced: int
    unreadable: int


def derive(records: Iterable[Opened], after: Position | None, index: DedupIndex) -> Derived:
    """What is derived from a range.

    Args:
        records: The range's records; each is looked at as it comes, while its bytes are near.
        after: The last record before it.
        index: The spans that were seen; those of the range are added.
    """
    opened: list[Opened] = []
    masks: list[Mask] = []
    measured: dict[str, list[SpanBatch]] = {}
    duplicates = replaced = 0
    for item in records:
        opened.append(item)
        if not isinstance(item.rows, SpanBatch) or item.record.target:
            continue
        marks = index.mark(item.rows, item.record.tenant.encode())
        rows = item.rows
        if marks.mask is not None:
            masks.append(Mask(item.position.sequence, marks.mask))
            rows = rows.select(marks.mask.translate(_FIRST_SEEN_ONLY))
            duplicates += marks.duplicates
            replaced += marks.replaced
        if len(rows):
            measured.setdefault(item.record.tenant, []).append(rows)
    covers = Covers(opened[0].position, opened[-1].position, after)
    received_ns = max(item.record.received_ns for item in opened)
    derived = [record for tenant, rows in measured.items() for record in _measures(tenant, rows, covers, received_ns)]
    unreadable = [item for item in opened if item.rows is None]
    covered = Covered(
        records=len(opened),
        items=sum(item.record.accepted for item in opened),
        nbytes=sum(len(item.record.payload) for item in opened),
        masks=tuple(masks),
        unreadable=tuple(item.position.sequence for item in unreadable),
    )
    derived.append(covered_record(covered, covers, received_ns))
    return Derived(opened, derived, duplicates, replaced, sum(item.record.accepted for item in unreadable))


def remember(records: Iterable[Opened], index: DedupIndex) -> None:
    """Adds the spans of records that were derived from before, as after a restart."""
    for item in records:
        if isinstance(item.rows, SpanBatch) and not item.record.target:
            index.mark(item.rows, item.record.tenant.encode())


def _measures(tenant: str, rows: list[SpanBatch], covers: Covers, received_ns: int) -> list[LogRecord]:
    measures = (rows[0] if len(rows) == 1 else SpanBatch.concat(rows)).measures()
    if not len(measures):
        return []
    payload = pack(ColumnBatch(len(measures), measures.columns()))
    return [
        LogRecord(RecordKind.MEASURES, tenant, received_ns, UNKNOWN_DIGEST, len(measures), 0, payload, covers=covers)
    ]
