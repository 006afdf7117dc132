"""Batches become the parts of a write: masked, grouped by tenant, cut to the sink's limits. Runs in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from llm_obs_core.interfaces import Rows, SinkLimits, SinkPart
from llm_obs_core.model import PayloadKind, Position, RecordKind, Stream
from llm_obs_core_ext.batch import SpanBatch

from llm_obs_collector.assembly.opened import Opened
from llm_obs_collector.signals import RecordReader
from llm_obs_collector.sinks.batches import Batch

__all__ = ["Load", "Piece", "can_be_halved", "halves", "load", "parts", "records_in", "without"]

_INVERTED: Final = bytes([1, 0]) + bytes(254)


class Piece(NamedTuple):
    """Rows of one record, or some of them: what a dead letter names, and what a write is put together from.

    Attributes:
        kind: What a sink is given.
        record_kind: What the record is.
        identity: The record's own Position, that of its first time in the log.
        record: Where the record is now: another Position only when it was sent again.
        position: The derived Position by which a sink knows it.
        tenant: Whose.
        received_ns: When it was received, Unix nanoseconds.
        rows: The rows.
        items: How many of the rows the ledger counts: none of what was derived.
    """

    kind: PayloadKind
    record_kind: RecordKind
    identity: Position
    record: Position
    position: Position
    tenant: str
    received_ns: int
    rows: Rows
    items: int


class Load(NamedTuple):
    """What is brought to a sink at once.

    Attributes:
        writes: The pieces of each write; more than one when the range is larger than the limits.
        first: Derived Position of the first record.
        last: Of the last: when every write went well, the sink needs nothing up to here.
        covered: The last accepted record that is in it.
        items: Items of the accepted records.
        duplicate: Those of them that are duplicates.
        not_routed: Kind to items that the sink does not take.
        unreadable: Records that are kept as dead letters.
    """

    writes: list[list[Piece]]
    first: Position
    last: Position
    covered: Position
    items: int
    duplicate: int
    not_routed: dict[str, int]
    unreadable: list[Opened]


def load(sink: str, batches: Sequence[Batch], limits: SinkLimits, reader: RecordReader) -> Load:
    """Says what of some batches goes to a sink, and in which writes.

    Args:
        sink: Its name: of the records that are for one sink it takes its own.
        batches: Neighbours, with their accepted records.
        limits: What it takes, and how much at once.
        reader: Reads records.
    """
    pieces: list[Piece] = []
    not_routed: dict[str, int] = {}
    unreadable: list[Opened] = []
    items = duplicate = 0
    for batch in batches:
        masks = {mask.sequence: mask.rows for mask in batch.covered.masks}
        for opened in batch.opened:
            record = opened.record
            items += record.accepted
            kind = reader.payload_kind(record.kind)
            if record.target not in ("", sink):
                not_routed["targeted"] = not_routed.get("targeted", 0) + record.accepted
                continue
            if kind is None or kind not in limits.kinds:
                name = record.kind.name.lower()
                not_routed[name] = not_routed.get(name, 0) + record.accepted
                continue
            if opened.rows is None:
                unreadable.append(opened)
                continue
            rows = opened.rows
            if (mask := masks.get(opened.position.sequence)) is not None and (gone := mask.count(0)):
                duplicate += gone
                assert isinstance(rows, SpanBatch)  # nothing else is masked
                rows = rows.select(mask)
            if len(rows):
                identity = record.origin or opened.position
                # what was derived, and is sent again, is known by where it was derived first
                position = batch.last if identity.stream is Stream.ACCEPTED else identity
                pieces.append(
                    Piece(
                        kind, record.kind, identity, opened.position, position, record.tenant, record.received_ns,
                        rows, len(rows),
                    )
                )  # fmt: skip
        for item in batch.derived:
            kind = reader.payload_kind(item.record.kind)
            if kind is not None and kind in limits.kinds:
                rows = reader.rows(item.record)
                pieces.append(
                    Piece(
                        kind, item.record.kind, item.position, item.position, item.position, item.record.tenant,
                        item.record.received_ns, rows, 0,
                    )
                )  # fmt: skip
    first, last = batches[0].first, batches[-1].last
    covered = batches[-1].covers.last
    return Load(_cut(pieces, limits), first, last, covered, items, duplicate, not_routed, unreadable)


def parts(pieces: Iterable[Piece], limits: SinkLimits, key_of: Callable[[str], bytes]) -> tuple[SinkPart, ...]:
    """The parts of one write, rows in the order of the pieces: of spans one a tenant, of other kinds one a record.

    Args:
        pieces: As `load` gives them: spans first, a tenant's together.
        limits: Whether contents are wanted.
        key_of: A tenant's key for the digests of its contents.
    """
    made: list[SinkPart] = []
    spans: dict[str, list[Piece]] = {}
    others: list[Piece] = []
    for piece in pieces:
        if piece.kind is PayloadKind.SPANS:
            spans.setdefault(piece.tenant, []).append(piece)
        else:
            others.append(piece)
    for tenant, mine in spans.items():
        batches = [piece.rows for piece in mine if isinstance(piece.rows, SpanBatch)]
        rows = batches[0] if len(batches) == 1 else SpanBatch.concat(batches)
        contents = rows.contents(key_of(tenant)) if PayloadKind.CONTENTS in limits.kinds else None
        received_ns = max(piece.received_ns for piece in mine)
        made.append(
            SinkPart(PayloadKind.SPANS, tenant, mine[0].position, mine[-1].position, rows, received_ns, contents)
        )
    made += [
        SinkPart(piece.kind, piece.tenant, piece.position, piece.position, piece.rows, piece.received_ns)
        for piece in others
    ]
    return tuple(made)


def without(pieces: Sequence[Piece], rows: Iterable[int]) -> tuple[list[Piece], list[Piece]]:
    """Takes rows, counted through the pieces, out of a write: (the rest, the rows).

    What is not spans is taken out a record at a time.
    """
    dead = sorted(set(rows))
    kept: list[Piece] = []
    taken: list[Piece] = []
    start = index = 0
    for piece in pieces:
        end = start + len(piece.rows)
        mask = bytearray(len(piece.rows))
        first = index
        while index < len(dead) and dead[index] < end:
            mask[dead[index] - start] = 1
            index += 1
        if index == first:
            kept.append(piece)
        elif not isinstance(piece.rows, SpanBatch):
            taken.append(piece)
        else:
            taken.append(_selected(piece, mask))
            if index - first < len(mask):
                kept.append(_selected(piece, mask.translate(_INVERTED)))
        start = end
    return kept, taken


def records_in(pieces: Iterable[Piece]) -> int:
    """Of how many records the pieces are."""
    return len({piece.record for piece in pieces})


def halves(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """A write in two, at the end of a record where there are several, else by its rows.

    What was derived is in the second: it is known again by its Position, which only a final write moves.
    """
    own = [piece for piece in pieces if piece.items]
    derived = [piece for piece in pieces if not piece.items]
    if derived and own:
        return own, derived
    if records_in(own) > 1:
        middle = own[len(own) // 2].record
        at = next(index for index, piece in enumerate(own) if piece.record == middle)
        at = at or next(index for index, piece in enumerate(own) if piece.record != middle)
        return own[:at], own[at:]
    total = sum(len(piece.rows) for piece in own)
    return without(own, range(total // 2, total))


def can_be_halved(pieces: Sequence[Piece]) -> bool:
    """Whether a part of the pieces can be written without the others."""
    own = [piece for piece in pieces if piece.items]
    if len(own) < len(pieces):
        return bool(own)
    if records_in(own) > 1:
        return True
    return sum(len(piece.rows) for piece in own if isinstance(piece.rows, SpanBatch)) > 1


def _selected(piece: Piece, mask: bytes | bytearray) -> Piece:
    assert isinstance(piece.rows, SpanBatch)
    rows = piece.rows.select(mask)
    return piece._replace(rows=rows, items=len(rows) if piece.items else 0)


def _cut(pieces: list[Piece], limits: SinkLimits) -> list[list[Piece]]:
    """The pieces of each write: spans first, a tenant's together; a record that is too large alone is cut by rows."""
    spans: dict[str, list[Piece]] = {}
    others: list[Piece] = []
    for piece in pieces:
        if piece.kind is PayloadKind.SPANS:
            spans.setdefault(piece.tenant, []).append(piece)
        else:
            others.append(piece)
    writes: list[list[Piece]] = [[]]
    items = nbytes = 0
    for piece in (item for mine in spans.values() for whole in mine for item in _small(whole, limits)):
        size = piece.rows.nbytes if isinstance(piece.rows, SpanBatch) else 0
        if writes[-1] and (items + len(piece.rows) > limits.max_items or nbytes + size > limits.max_bytes):
            writes.append([])
            items = nbytes = 0
        writes[-1].append(piece)
        items += len(piece.rows)
        nbytes += size
    writes[-1] += others
    return [write for write in writes if write]


def _small(piece: Piece, limits: SinkLimits) -> Iterable[Piece]:
    if not isinstance(piece.rows, SpanBatch):
        yield piece
        return
    whole = piece.rows
    for batch in whole.split(limits.max_bytes) if whole.nbytes > limits.max_bytes else [whole]:
        if len(batch) <= limits.max_items:
            yield piece._replace(rows=batch, items=len(batch))
            continue
        for start in range(0, len(batch), limits.max_items):
            count = min(limits.max_items, len(batch) - start)
            mask = (bytes(start) + b"\1" * count).ljust(len(batch), b"\0")
            yield piece._replace(rows=batch.select(mask), items=count)
