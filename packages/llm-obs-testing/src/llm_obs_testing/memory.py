"""A sink and a reader over one store in memory: small, slow, and by the contract; other components are tested on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from llm_obs_core.errors import LlmObsError, StoreError
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateResult,
    ContentItem,
    Coverage,
    Cursor,
    Scope,
    SinkLimits,
    SinkPart,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceFilter,
    TraceOutline,
    TracePage,
    TraceSummary,
    ValueCount,
)
from llm_obs_core.model import CONTENT_SLOTS, MEASURE_KEYS, SPAN_COLUMNS, Position, Span

from llm_obs_testing.arrow import decode
from llm_obs_testing.measures import MINUTE_NS, aggregate, key_value, measure_rows
from llm_obs_testing.parts import CONTENT_KEY, make_part
from llm_obs_testing.rows import Row, rows_of, without_content
from llm_obs_testing.traces import matches, summarize

__all__ = ["MemoryReader", "MemorySink", "MemoryStore"]

_COLUMNS = [column.name for column in SPAN_COLUMNS]


class _Stored(msgspec.Struct):
    span: Span
    row: Row
    content: list[ContentItem]


class _Trace(msgspec.Struct):
    tenant: str
    items: list[_Stored]

    def summary(self) -> TraceSummary:
        return summarize(self.tenant, [item.row for item in self.items])


class MemoryStore:
    """What one sink and any number of readers share.

    Attributes:
        position: The last Position written, None at first.
        received_ns: Up to when everything received is here, Unix nanoseconds; None at first.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self.received_ns: int | None = None
        self.traces: dict[tuple[str, bytes], dict[bytes, _Stored]] = {}
        self.measures: list[tuple[str, Row]] = []

    def add(self, spans: Iterable[Span], *, tenant: str = "default", received_ns: int = 0) -> None:
        """Puts spans in without a sink, for tests of what reads."""
        self.write([make_part(spans, 0, tenant=tenant, received_ns=received_ns)])

    def write(self, parts: Sequence[SinkPart]) -> None:
        """Puts parts in, all or none."""
        taken = [(part, *_taken(part)) for part in parts]
        for part, stored, measures in taken:
            for item in stored:
                self.traces.setdefault((part.tenant, item.span.trace_id), {})[item.span.span_id] = item
            self.measures += [(part.tenant, row) for row in measures]
            if part.received_ns:
                self.received_ns = max(self.received_ns or 0, part.received_ns)


def _taken(part: SinkPart) -> tuple[list[_Stored], list[Row]]:
    """A part's spans and its measures."""
    rows = rows_of(part.spans)
    spans = part.spans.spans()
    stored = [_Stored(without_content(span), row, []) for span, row in zip(spans, rows, strict=True)]
    contents = part.spans.contents(CONTENT_KEY) if part.contents is None else part.contents
    columns = {name: decode(column) for name, column in contents.columns().items()}
    for at, slot, index, digest, body in zip(
        *(columns[name] for name in ("row", "slot", "index", "digest", "body")), strict=True
    ):
        item = ContentItem(CONTENT_SLOTS[slot][0], index, digest, body, len(body.encode()))
        stored[at].content.append(item)
    return stored, measure_rows(part.spans.measures() if part.measures is None else part.measures)


class MemorySink:
    """A `Sink` that keeps everything; its Position is kept with the data.

    Args:
        store: Where to; a new store when None.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()

    @property
    def limits(self) -> SinkLimits:
        """Spans, with measures and contents."""
        return SinkLimits(measures=True, contents=True)

    async def start(self) -> Position | None:
        """The last Position written."""
        return self.store.position

    async def write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        """Keeps the parts; what it has already is passed over."""
        done = self.store.position
        if done is not None and (done.writer, done.partition) == (last.writer, last.partition):
            if last <= done:
                return
            if first <= done:
                raise StoreError(
                    f"a write that begins behind {done}", got=f"{first} to {last}", fix="start the sink again"
                )
        self.store.write(parts)
        self.store.position = last

    async def stop(self) -> None:
        """Nothing to flush."""


class MemoryReader:
    """A `Reader` of a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def find_traces(
        self, scope: Scope, where: TraceFilter, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The newest traces that match."""
        found: list[TraceSummary] = []
        for (tenant, _), spans in self.store.traces.items():
            if tenant in scope.tenants:
                rows = [item.row for item in spans.values()]
                summary = summarize(tenant, rows)
                if matches(where, summary, rows) and (after is None or _place(summary) < after):
                    found.append(summary)
        found.sort(key=_place, reverse=True)
        page = tuple(found[:first])
        return TracePage(page, _place(page[-1]) if page and len(found) > first else None, self._coverage())

    async def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One whole trace, of the scope's first tenant that has it."""
        found = self._found(scope, trace_id)
        if found is None:
            return None
        spans = tuple(_stored(item, scope) for item in found.items)
        return StoredTrace(found.summary(), spans, self._coverage())

    async def outline(self, scope: Scope, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        """Its columns."""
        for name in columns:
            _check_column(name)
        found = self._found(scope, trace_id)
        if found is None:
            return None
        taken = {name: [item.row[name] for item in found.items] for name in columns}
        return TraceOutline(found.summary(), taken, self._coverage())

    async def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        """Some of its spans."""
        found = self._found(scope, trace_id)
        if found is None:
            return None
        spans = tuple(_stored(item, scope) for item in found.items if item.span.span_id in ids)
        return StoredSpans(found.tenant, spans, self._coverage())

    def _found(self, scope: Scope, trace_id: bytes) -> _Trace | None:
        for tenant in scope.tenants:
            spans = self.store.traces.get((tenant, trace_id))
            if spans is not None:
                ordered = sorted(spans.values(), key=lambda item: (item.span.start_ns, item.span.span_id))
                return _Trace(tenant, ordered)
        return None

    async def aggregate(self, scope: Scope, query: AggregateQuery) -> AggregateResult:
        """Sums of measures."""
        for name in (*query.group_by, *query.filter):
            _check_key(name)
        if query.interval_ns is not None and (query.interval_ns <= 0 or query.interval_ns % MINUTE_NS):
            raise LlmObsError(
                "a multiple of a minute, in nanoseconds", got=str(query.interval_ns), where="interval_ns",
                fix=f"take a multiple of {MINUTE_NS}",
            )  # fmt: skip
        rows = (row for tenant, row in self.store.measures if tenant in scope.tenants)
        return AggregateResult(tuple(aggregate(rows, query)), self._coverage())

    async def values(
        self, scope: Scope, key: str, *, prefix: str = "", start_ns: int | None = None, first: int = 100
    ) -> Sequence[ValueCount]:
        """The commonest values."""
        _check_key(key)
        counts: Counter[str] = Counter()
        for tenant, row in self.store.measures:
            if tenant in scope.tenants and (start_ns is None or row["minute_ns"] >= start_ns // MINUTE_NS * MINUTE_NS):
                value = key_value(row, key)
                text = str(value).lower() if isinstance(value, bool) else str(value)
                if value is not None and text.startswith(prefix):
                    counts[text] += row["requests"]
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [ValueCount(*item) for item in ordered[:first]]

    def _coverage(self) -> Coverage:
        return Coverage(("memory",), fresh_to_ns=self.store.received_ns)


def _check_key(name: str) -> None:
    known = ["model", *(column.name for column in MEASURE_KEYS)]
    if name not in known:
        raise LlmObsError(f"a key out of: {', '.join(known)}", got=repr(name), fix="correct the name")


def _check_column(name: str) -> None:
    if name not in _COLUMNS:
        raise LlmObsError(f"a column out of: {', '.join(_COLUMNS)}", got=repr(name), fix="correct the name")


def _place(summary: TraceSummary) -> Cursor:
    return Cursor(summary.start_ns, summary.trace_id, summary.tenant)


def _stored(item: _Stored, scope: Scope) -> StoredSpan:
    content = item.content if scope.content else [msgspec.structs.replace(part, body=None) for part in item.content]
    return StoredSpan(item.span, dict(item.row), tuple(content))
