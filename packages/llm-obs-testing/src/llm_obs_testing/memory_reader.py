"""The reader of a store in memory: it goes through everything for every query; other readers are held against it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import Filter, Source, checked, conditions, field_of, meets, meets_any
from llm_obs_core.interfaces import (
    About,
    AggregateQuery,
    AggregateResult,
    Annotations,
    Coverage,
    Cursor,
    FoundSpan,
    Question,
    Scope,
    SessionCursor,
    SessionPage,
    SessionQuery,
    SessionSummary,
    SpanCursor,
    SpanPage,
    SpanQuery,
    StoredAnnotation,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceOutline,
    TracePage,
    TraceQuery,
    TraceSummary,
    ValueCount,
)
from llm_obs_core.model import MEASURE_KEYS, SPAN_COLUMNS
from llm_obs_core.summary.facts import facts_of
from llm_obs_core.summary.fold import sessions_of, summarize, trace_fields

from llm_obs_testing.measures import MINUTE_NS, aggregate, key_value

if TYPE_CHECKING:
    from llm_obs_testing.memory import MemoryStore
    from llm_obs_testing.memory import _Stored as Stored

__all__ = ["QUESTIONS", "MemoryReader"]

T = TypeVar("T")

_COLUMNS: Final = [column.name for column in SPAN_COLUMNS]
QUESTIONS: Final = frozenset(set(Question) - {Question.LOGS})


class _Trace(msgspec.Struct):
    """One trace with all that is known about it, spans by start."""

    tenant: str
    items: list[Stored]
    annotations: list[StoredAnnotation]

    @property
    def summary(self) -> TraceSummary:
        return summarize(self.tenant, [item.row for item in self.items])

    def meets(self, where: Filter, summary: TraceSummary) -> bool:
        return meets_any(
            where, [facts_of(_whole(item), self.annotations) for item in self.items], trace_fields(summary)
        )


class MemoryReader:
    """A `Reader` of a `MemoryStore`.

    Args:
        store: Where from.
        about: What it says about itself; when None, all questions, and an origin that every reader of the store has.
        name: What its answers name as their source.
    """

    def __init__(self, store: MemoryStore, about: About | None = None, name: str = "memory") -> None:
        self.store = store
        self._about = about or About(QUESTIONS, origin=frozenset({f"memory-{id(store):x}"}))
        self._name = name

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    def about(self) -> About:
        """As it was given."""
        return self._about

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The newest traces that match."""
        found = [_trace_cursor(trace) for trace in self._matching(scope, query)]
        found.sort(key=lambda item: item[0], reverse=True)
        page, last = _page(found, first, after)
        return TracePage(page, last, self._coverage())

    async def find_spans(
        self, scope: Scope, query: SpanQuery, *, first: int, after: SpanCursor | None = None, whole: bool = False
    ) -> SpanPage:
        """The newest spans that match."""
        where = checked(query.where, content=scope.content)
        found: list[tuple[SpanCursor, FoundSpan]] = []
        summed = any(field_of(condition.field).source is Source.TRACE for condition in conditions(where))
        for trace in self._traces(scope):
            fields = trace_fields(trace.summary) if summed else {}
            for item in trace.items:
                if _within(item.span.start_ns, query) and meets(
                    where, facts_of(_whole(item), trace.annotations), fields
                ):
                    place = SpanCursor(item.span.start_ns, item.span.trace_id, item.span.span_id, trace.tenant)
                    stored = _stored(item, scope) if whole else None
                    found.append((place, FoundSpan(trace.tenant, dict(item.row), stored)))
        found.sort(key=lambda item: item[0], reverse=True)
        page, last = _page(found, first, after)
        return SpanPage(page, last, self._coverage())

    async def find_sessions(
        self, scope: Scope, query: SessionQuery, *, first: int, after: SessionCursor | None = None
    ) -> SessionPage:
        """The sessions of the traces that match, the one that ended last first."""
        wanted = {(trace.tenant, trace.session_id) for trace in self._matching(scope, query)}
        whole = [trace.summary for trace in self._traces(scope)]
        found = [
            _session_cursor(session) for session in sessions_of(whole) if (session.tenant, session.session_id) in wanted
        ]
        page, last = _page(found, first, after)
        return SessionPage(page, last, self._coverage())

    def _matching(self, scope: Scope, query: TraceQuery | SessionQuery) -> list[TraceSummary]:
        where = checked(query.where, content=scope.content)
        summaries = ((trace, trace.summary) for trace in self._traces(scope))
        return [
            summary for trace, summary in summaries if _within(summary.start_ns, query) and trace.meets(where, summary)
        ]

    async def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One whole trace, of the scope's first tenant that has it."""
        found = self._found(scope, trace_id)
        if found is None:
            return None
        spans = tuple(_stored(item, scope) for item in found.items)
        return StoredTrace(found.summary, spans, self._coverage(), tuple(found.annotations))

    async def annotations(self, scope: Scope, trace_ids: Sequence[bytes]) -> Annotations:
        """What was said last."""
        rows = [
            row
            for tenant in dict.fromkeys(scope.tenants)
            for trace_id in dict.fromkeys(trace_ids)
            for row in self._said(tenant, trace_id)
        ]
        rows.sort(key=lambda row: (row.trace_id, row.span_id or b"", row.key, row.tenant))
        return Annotations(tuple(rows), self._coverage())

    async def outline(self, scope: Scope, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        """Its columns."""
        for name in columns:
            _check_column(name)
        found = self._found(scope, trace_id)
        if found is None:
            return None
        taken = {name: [item.row[name] for item in found.items] for name in columns}
        return TraceOutline(found.summary, taken, self._coverage())

    async def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        """Some of its spans."""
        found = self._found(scope, trace_id)
        if found is None:
            return None
        spans = tuple(_stored(item, scope) for item in found.items if item.span.span_id in ids)
        return StoredSpans(found.tenant, spans, self._coverage())

    def _found(self, scope: Scope, trace_id: bytes) -> _Trace | None:
        for tenant in scope.tenants:
            if (tenant, trace_id) in self.store.traces:
                return self._trace(tenant, trace_id)
        return None

    def _traces(self, scope: Scope) -> Iterator[_Trace]:
        return (self._trace(*key) for key in list(self.store.traces) if key[0] in scope.tenants)

    def _trace(self, tenant: str, trace_id: bytes) -> _Trace:
        spans = self.store.traces[tenant, trace_id].values()
        ordered = sorted(spans, key=lambda item: (item.span.start_ns, item.span.span_id))
        return _Trace(tenant, ordered, self._said(tenant, trace_id))

    def _said(self, tenant: str, trace_id: bytes) -> list[StoredAnnotation]:
        rows = [
            StoredAnnotation(tenant, trace_id, span_id, name, said.value, said.revision, said.received_ns)
            for (owner, trace, span_id, name), said in self.store.annotations.items()
            if (owner, trace) == (tenant, trace_id) and json.loads(said.value) is not None
        ]
        return sorted(rows, key=lambda row: (row.span_id or b"", row.key))

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
        return AggregateResult(aggregate(rows, query), self._coverage())

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
        return Coverage((self._name,), self._about.tiers, fresh_to_ns=self.store.received_ns)


def _within(start_ns: int, query: TraceQuery | SpanQuery | SessionQuery) -> bool:
    return (query.start_ns is None or start_ns >= query.start_ns) and (query.end_ns is None or start_ns < query.end_ns)


C = TypeVar("C", Cursor, SpanCursor, SessionCursor)


def _page(found: Sequence[tuple[C, T]], first: int, after: C | None) -> tuple[tuple[T, ...], C | None]:
    rest = [item for item in found if after is None or item[0] < after]
    page = rest[: max(first, 0)]
    return tuple(item for _, item in page), page[-1][0] if page and len(rest) > len(page) else None


def _trace_cursor(trace: TraceSummary) -> tuple[Cursor, TraceSummary]:
    return Cursor(trace.start_ns, trace.trace_id, trace.tenant), trace


def _session_cursor(session: SessionSummary) -> tuple[SessionCursor, SessionSummary]:
    return SessionCursor(session.end_ns, session.session_id, session.tenant), session


def _check_key(name: str) -> None:
    known = ["model", *(column.name for column in MEASURE_KEYS)]
    if name not in known:
        raise LlmObsError(f"a key out of: {', '.join(known)}", got=repr(name), fix="correct the name")


def _check_column(name: str) -> None:
    if name not in _COLUMNS:
        raise LlmObsError(f"a column out of: {', '.join(_COLUMNS)}", got=repr(name), fix="correct the name")


def _whole(item: Stored) -> StoredSpan:
    return StoredSpan(item.span, item.row, tuple(item.content))


def _stored(item: Stored, scope: Scope) -> StoredSpan:
    content = item.content if scope.content else [msgspec.structs.replace(part, body=None) for part in item.content]
    return StoredSpan(item.span, dict(item.row), tuple(content))
