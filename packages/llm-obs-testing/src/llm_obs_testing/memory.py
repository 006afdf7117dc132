"""Sinks and a reader over one store in memory: small, slow, and by the contract; other components are tested on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Final

import msgspec
from llm_obs_core.errors import PermanentError, StoreError
from llm_obs_core.interfaces import ContentItem, SinkLimits, SinkPart, SinkWrite, StoredAnnotation
from llm_obs_core.model import CONTENT_SLOTS, PayloadKind, Position, Span

from llm_obs_testing.measures import measure_rows
from llm_obs_testing.memory_reader import MemoryReader
from llm_obs_testing.parts import Correction, make_parts
from llm_obs_testing.rows import Row, rows_of, without_content

__all__ = ["MemoryReader", "MemorySink", "MemoryStore", "UpsertSink"]

KINDS: Final = frozenset(
    {
        PayloadKind.SPANS,
        PayloadKind.CONTENTS,
        PayloadKind.MEASURES,
        PayloadKind.CALLS,
        PayloadKind.ANNOTATIONS,
        PayloadKind.CORRECTIONS,
    }
)
"""What the sinks in memory take."""


class _Stored(msgspec.Struct):
    span: Span
    row: Row
    content: list[ContentItem]


class _Taken(msgspec.Struct):
    """A part, read: so that a write that fails leaves nothing."""

    tenant: str
    received_ns: int
    spans: list[_Stored] = []
    measures: dict[Position, list[Row]] = {}
    calls: list[Row] = []
    annotations: list[StoredAnnotation] = []
    corrections: list[Correction] = []

    def into(self, store: MemoryStore) -> None:
        for item in self.spans:
            store.traces.setdefault((self.tenant, item.span.trace_id), {})[item.span.span_id] = item
        store.put_measures(self.tenant, self.measures)
        store.calls |= {(self.tenant, row["trace_id"], row["span_id"]): row for row in self.calls}
        store.annotate(self.annotations)
        for correction in self.corrections:
            store.correct(self.tenant, correction)


def _in_order(parts: Iterable[SinkPart]) -> list[SinkPart]:
    """Corrections last, because they change what the other parts bring."""
    return sorted(parts, key=lambda part: part.kind is PayloadKind.CORRECTIONS)


def _taken(part: SinkPart) -> _Taken:
    taken = _Taken(part.tenant, part.received_ns)
    match part.kind:
        case PayloadKind.SPANS:
            taken.spans = _spans(part)
        case PayloadKind.MEASURES:
            taken.measures = _measures(part)
        case PayloadKind.CALLS:
            taken.calls = rows_of(part.rows)
        case PayloadKind.ANNOTATIONS:
            taken.annotations = [
                msgspec.convert(row | {"tenant": part.tenant}, StoredAnnotation) for row in rows_of(part.rows)
            ]
        case PayloadKind.CORRECTIONS:
            taken.corrections = [msgspec.convert(row, Correction) for row in rows_of(part.rows)]
    return taken


def _spans(part: SinkPart) -> list[_Stored]:
    rows = rows_of(part.spans)
    spans = part.spans.spans()
    stored = [_Stored(without_content(span), row, []) for span, row in zip(spans, rows, strict=True)]
    for item in () if part.contents is None else rows_of(part.contents):
        body: str = item["body"]
        slot = CONTENT_SLOTS[item["slot"]][0]
        stored[item["row"]].content.append(ContentItem(slot, item["index"], item["digest"], body, len(body.encode())))
    return stored


def _measures(part: SinkPart) -> dict[Position, list[Row]]:
    return {part.last: measure_rows(part.rows)}


class MemoryStore:
    """What sinks and any number of readers share.

    Attributes:
        position: The last Position written, None at first.
        received_ns: Up to when everything received is here, Unix nanoseconds; None at first.
        traces: Spans by tenant and trace id, then by span id.
        annotations: By tenant, trace id, span id (None for the whole trace) and key.
        calls: Rows of `CALL_COLUMNS` by tenant, trace id and span id.
        corrections: By tenant and id.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self.received_ns: int | None = None
        self.traces: dict[tuple[str, bytes], dict[bytes, _Stored]] = {}
        self.annotations: dict[tuple[str, bytes, bytes | None, str], StoredAnnotation] = {}
        self.calls: dict[tuple[str, bytes, bytes], Row] = {}
        self.corrections: dict[tuple[str, bytes], Correction] = {}
        self._measures: dict[tuple[str, Position], list[Row]] = {}
        self._added = 0

    @property
    def measures(self) -> list[tuple[str, Row]]:
        """Tenant and row of all measures."""
        return [(tenant, row) for (tenant, _), rows in self._measures.items() for row in rows]

    def add(self, spans: Iterable[Span], *, tenant: str = "default", received_ns: int = 0) -> None:
        """Puts spans in without a sink, for tests of what reads: with the measures that are derived from them."""
        self._added += 1
        self.write(make_parts(list(spans), self._added, tenant=tenant, received_ns=received_ns))

    def annotate(self, said: Iterable[StoredAnnotation]) -> None:
        """Puts annotations in, in the order in which they arrived; one of a smaller revision changes nothing."""
        for item in said:
            key = (item.tenant, item.trace_id, item.span_id, item.key)
            known = self.annotations.get(key)
            if known is None or known.revision <= item.revision:
                self.annotations[key] = item

    def write(self, parts: Iterable[SinkPart]) -> None:
        """Puts parts in, all or none."""
        for part in [_taken(part) for part in _in_order(parts)]:
            part.into(self)
            if part.received_ns:
                self.received_ns = max(self.received_ns or 0, part.received_ns)

    def put_measures(self, tenant: str, rows: dict[Position, list[Row]]) -> None:
        """Replaces the rows of each Position."""
        self._measures |= {(tenant, position): mine for position, mine in rows.items()}

    def correct(self, tenant: str, said: Correction) -> None:
        """Changes a column of a span, and of its call."""
        self.corrections[tenant, said.id] = said
        span = self.traces.get((tenant, said.trace_id), {}).get(said.span_id)
        rows = [span.row if span else None, self.calls.get((tenant, said.trace_id, said.span_id))]
        for row in rows:
            if row is not None and said.field in row:
                row[said.field] = None if said.new is None else json.loads(said.new)


class MemorySink:
    """A `Sink` that keeps everything; its Position is kept with the data.

    Args:
        store: Where to; a new store when None.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()
        self._staged: list[SinkPart] = []
        self._range: tuple[Position, Position] | None = None

    @property
    def limits(self) -> SinkLimits:
        """All that there is of spans, and annotations."""
        return SinkLimits(kinds=KINDS)

    async def start(self) -> Position | None:
        """The last Position written. What was not finished is dropped."""
        self._staged, self._range = [], None
        return self.store.position

    async def write(self, write: SinkWrite) -> None:
        """Keeps the parts, visible with the final write of their range; what it has already is passed over."""
        check_kinds(write.parts)
        done = self.store.position
        if done is not None and (done.writer, done.partition) == (write.last.writer, write.last.partition):
            if write.last <= done:
                return
            if write.first <= done:
                raise StoreError(
                    f"a write that begins after {done}", got=f"{write.first} to {write.last}",
                    fix="start the sink again",
                )  # fmt: skip
        if self._range not in (None, (write.first, write.last)):
            raise StoreError(
                "the rest of the range that was begun", got=f"{write.first} to {write.last}", fix="start the sink again"
            )
        if not write.final:
            self._staged += write.parts
            self._range = (write.first, write.last)
            return
        self.store.write([*self._staged, *write.parts])
        self.store.position = write.last
        self._staged, self._range = [], None

    async def stop(self) -> None:
        """Nothing to flush."""


class UpsertSink:
    """A `Sink` over a store without transactions: it keeps no Position and puts every row where it belongs at once.

    Whatever is written again finds its own place: spans and calls by their ids, measures by the Position that they are
    of, annotations by target and key. A range may then be written again in other pieces.

    Args:
        store: Where to; a new store when None.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()

    @property
    def limits(self) -> SinkLimits:
        """The same as `MemorySink`."""
        return SinkLimits(kinds=KINDS)

    async def start(self) -> Position | None:
        """It cannot say."""
        return None

    async def write(self, write: SinkWrite) -> None:
        """Keeps part by part; one that fails leaves the parts before it."""
        check_kinds(write.parts)
        for part in _in_order(write.parts):
            self.store.write([part])
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Nothing to flush."""


def check_kinds(parts: Iterable[SinkPart]) -> None:
    """Refuses what the sinks in memory do not declare."""
    for part in parts:
        if part.kind not in KINDS:
            raise PermanentError(
                f"rows out of: {', '.join(sorted(KINDS))}", got=str(part.kind), fix="send only what the sink declares"
            )
