"""Records become the parts of a write: scanned, grouped by tenant, cut to the sink's limits. Runs in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import SinkLimits, SinkPart, StoredRecord
from llm_obs_core.model import LogRecord, Position, RecordKind
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.scan import scan

__all__ = ["Load", "Piece", "Unreadable", "halves", "load", "parts", "records_in", "up_to", "without"]

NO_LIMIT: Final = 2**31 - 1
"""The limits of requests held when they came in; normalising may have added attributes since."""


class Piece(NamedTuple):
    """The spans of one record, or some of them: what a dead letter names, and what a write is put together from."""

    position: Position
    tenant: str
    received_ns: int
    batch: SpanBatch


class Unreadable(NamedTuple):
    """A record whose payload is not what its header says."""

    record: StoredRecord
    reason: str


class Load(NamedTuple):
    """What was taken from the log at once.

    Attributes:
        writes: The pieces of each write; more than one when a record is larger than the limits.
        first: Position of the first record.
        last: Position of the last: when every write went well, the sink needs nothing up to here.
        not_routed: Record kind to items that the sink does not take.
        unreadable: Records that are kept as dead letters.
    """

    writes: list[list[Piece]]
    first: Position
    last: Position
    not_routed: dict[str, int]
    unreadable: list[Unreadable]


def load(reader: str, records: Sequence[StoredRecord], limits: SinkLimits) -> Load:
    """Scans records and says in which writes they go.

    Args:
        reader: The sink's name: of the records that are resent it takes its own.
        records: Behind one another.
        limits: What it takes, and how much at once.
    """
    pieces: list[Piece] = []
    not_routed: dict[str, int] = {}
    unreadable: list[Unreadable] = []
    for item in records:
        record = item.record
        payload = _spans_for(reader, record)
        if payload is None or RecordKind.SPANS not in limits.kinds:
            kind = record.kind.name.lower()
            not_routed[kind] = not_routed.get(kind, 0) + record.accepted
            continue
        try:
            batch = scan(payload, max_spans=NO_LIMIT, max_attributes=NO_LIMIT)
        except LlmObsError as error:
            unreadable.append(Unreadable(item, str(error)))
            continue
        if len(batch) != record.accepted:
            unreadable.append(Unreadable(item, f"expected {record.accepted} spans, got {len(batch)}"))
            continue
        pieces.append(Piece(item.position, record.tenant, record.received_ns, batch))
    return Load(_cut(pieces, limits), records[0].position, records[-1].position, not_routed, unreadable)


def parts(pieces: Iterable[Piece], limits: SinkLimits, key_of: Callable[[str], bytes]) -> list[SinkPart]:
    """The parts of one write, one a tenant, rows in the order of the pieces.

    Args:
        pieces: Sorted by tenant.
        limits: Whether measures and contents are wanted.
        key_of: A tenant's key for the digests of its contents.
    """
    made: list[SinkPart] = []
    for tenant, mine in _by_tenant(pieces).items():
        batch = mine[0].batch if len(mine) == 1 else SpanBatch.concat([piece.batch for piece in mine])
        made.append(
            SinkPart(
                tenant,
                mine[0].position,
                mine[-1].position,
                batch,
                max(piece.received_ns for piece in mine),
                batch.measures() if limits.measures else None,
                batch.contents(key_of(tenant)) if limits.contents else None,
            )
        )
    return made


def without(pieces: Sequence[Piece], rows: Iterable[int]) -> tuple[list[Piece], list[Piece]]:
    """Takes rows, counted through the pieces, out of a write: (the rest, the rows)."""
    dead = sorted(set(rows))
    kept: list[Piece] = []
    taken: list[Piece] = []
    start = place = 0
    for piece in pieces:
        end = start + len(piece.batch)
        mask = bytearray(len(piece.batch))
        first = place
        while place < len(dead) and dead[place] < end:
            mask[dead[place] - start] = 1
            place += 1
        if place == first:
            kept.append(piece)
        else:
            taken.append(piece._replace(batch=piece.batch.select(mask)))
            if place - first < len(mask):
                kept.append(piece._replace(batch=piece.batch.select(mask.translate(_INVERTED))))
        start = end
    return kept, taken


def records_in(pieces: Iterable[Piece]) -> list[Position]:
    """The Positions of the records that the pieces are of, in order."""
    return sorted({piece.position for piece in pieces})


def up_to(pieces: Sequence[Piece], position: Position) -> tuple[list[Piece], list[Piece]]:
    """A write in two, at the end of a record."""
    return (
        [piece for piece in pieces if piece.position <= position],
        [piece for piece in pieces if piece.position > position],
    )


def halves(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """The rows of a write in two."""
    total = sum(len(piece.batch) for piece in pieces)
    return without(pieces, range(total // 2, total))


_INVERTED: Final = bytes([1, 0]) + bytes(254)


def _spans_for(reader: str, record: LogRecord) -> bytes | None:
    if record.kind is RecordKind.SPANS:
        return record.payload
    if record.kind is RecordKind.RESENT:
        end = 1 + record.payload[0]
        if record.payload[1:end] == reader.encode():
            return record.payload[end:]
    return None


def _by_tenant(pieces: Iterable[Piece]) -> dict[str, list[Piece]]:
    grouped: dict[str, list[Piece]] = {}
    for piece in pieces:
        grouped.setdefault(piece.tenant, []).append(piece)
    return grouped


def _cut(pieces: list[Piece], limits: SinkLimits) -> list[list[Piece]]:
    """One write, unless a record alone is too large for a store that can be given parts of it."""
    pieces = [piece for mine in _by_tenant(pieces).values() for piece in mine]
    if len(pieces) != 1 or limits.whole_records:
        return [pieces] if pieces else []
    (whole,) = pieces
    writes: list[list[Piece]] = []
    for batch in whole.batch.split(limits.max_bytes) if whole.batch.nbytes > limits.max_bytes else [whole.batch]:
        for start in range(0, len(batch), limits.max_spans):
            mask = bytes(start) + b"\1" * min(limits.max_spans, len(batch) - start)
            some = batch if len(batch) <= limits.max_spans else batch.select(mask.ljust(len(batch), b"\0"))
            writes.append([whole._replace(batch=some)])
    return writes
