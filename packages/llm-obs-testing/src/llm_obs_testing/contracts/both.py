"""One query, two readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec
from llm_obs_core.filter import Facts
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateRow,
    Annotations,
    Coverage,
    FoundSpan,
    Reader,
    Scope,
    SessionQuery,
    SessionSummary,
    Sink,
    SinkPart,
    SpanQuery,
    StoredSpan,
    StoredTrace,
    TraceOutline,
    TraceQuery,
    TraceSummary,
)
from llm_obs_core.summary.facts import facts_of
from llm_obs_core.summary.fold import trace_fields

from llm_obs_testing.memory import MemoryReader, MemorySink
from llm_obs_testing.parts import make_write

__all__ = ["Both", "everything_of", "in_order", "page_of"]

Row = TraceSummary | FoundSpan | SessionSummary
MANY = 100_000


class Both:
    """A reader and its oracle; every query goes to both."""

    def __init__(self, runner: asyncio.Runner, sink: Sink, reader: Reader) -> None:
        self.runner, self.sink, self.reader = runner, sink, reader
        self.memory = MemorySink()
        self.oracle = MemoryReader(self.memory.store)
        self._started = False

    def write(self, writes: Iterable[Sequence[SinkPart]]) -> None:
        """The same into both stores, as far as both take it."""
        if not self._started:
            self.runner.run(self.sink.start())
            self._started = True
        kinds = self.sink.limits.kinds & self.memory.limits.kinds
        for parts in writes:
            for sink in (self.sink, self.memory):
                taken = [part for part in parts if part.kind in kinds]
                self.runner.run(sink.write(make_write(taken, parts[0].first.sequence, parts[-1].last.sequence)))

    def ask(self, question: Callable[[Reader], Coroutine[Any, Any, Any]]) -> Any:
        """The answer, which must be the oracle's."""
        answer, expected = (self.runner.run(question(reader)) for reader in (self.reader, self.oracle))
        assert answer == expected
        return answer

    def listed(self, scope: Scope, query: TraceQuery) -> tuple[TraceSummary, ...]:
        """All traces that match."""
        found: tuple[TraceSummary, ...] = self.all(scope, query)
        return found

    def all(self, scope: Scope, query: TraceQuery | SpanQuery | SessionQuery) -> tuple[Any, ...]:
        """All rows that match."""

        async def question(reader: Reader) -> tuple[Row, ...]:
            return (await page_of(reader, scope, query, MANY, None))[0]

        found: tuple[Any, ...] = self.ask(question)
        return found

    def walk(self, scope: Scope, query: TraceQuery | SpanQuery | SessionQuery, first: int) -> tuple[Row, ...]:
        """The same, page by page."""

        async def question() -> tuple[Row, ...]:
            found: list[Row] = []
            after: Any = None
            while True:
                rows, after = await page_of(self.reader, scope, query, first, after)
                found += rows
                assert len(rows) <= first
                if after is None:
                    return tuple(found)

        return self.runner.run(question())

    def annotations(self, scope: Scope, trace_ids: Sequence[bytes]) -> Annotations:
        """What was said, but for what the answer rests on."""

        async def question(reader: Reader) -> Annotations:
            return msgspec.structs.replace(await reader.annotations(scope, trace_ids), coverage=Coverage(()))

        found: Annotations = self.ask(question)
        return found

    def everything(self, scope: Scope) -> list[tuple[list[Facts], dict[str, object]]]:
        """See `everything_of`."""
        return self.runner.run(everything_of(self.reader, scope))

    def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One trace, but for what the answer rests on."""

        async def question(reader: Reader) -> StoredTrace | None:
            trace = await reader.trace(scope, trace_id)
            return None if trace is None else msgspec.structs.replace(trace, coverage=Coverage(()))

        found: StoredTrace | None = self.ask(question)
        return found

    def outline(self, scope: Scope, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        """A trace's columns, but for what the answer rests on."""

        async def question(reader: Reader) -> TraceOutline | None:
            outline = await reader.outline(scope, trace_id, columns)
            return None if outline is None else msgspec.structs.replace(outline, coverage=Coverage(()))

        found: TraceOutline | None = self.ask(question)
        return found

    def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> tuple[StoredSpan, ...] | None:
        """Some of a trace's spans."""

        async def question(reader: Reader) -> tuple[StoredSpan, ...] | None:
            found = await reader.spans(scope, trace_id, ids)
            return None if found is None else found.spans

        answered: tuple[StoredSpan, ...] | None = self.ask(question)
        return answered

    def sums(self, scope: Scope, query: AggregateQuery) -> list[AggregateRow]:
        """The rows, in one order."""

        async def question(reader: Reader) -> list[AggregateRow]:
            return in_order((await reader.aggregate(scope, query)).rows)

        found: list[AggregateRow] = self.ask(question)
        return found


async def everything_of(reader: Reader, scope: Scope) -> list[tuple[list[Facts], dict[str, object]]]:
    """Each trace's spans and the fields of its summary, as the reader gives them one by one."""
    found = []
    for tenant in scope.tenants:
        alone = Scope((tenant,), scope.content)
        for summary in (await reader.find_traces(alone, TraceQuery(), first=MANY)).traces:
            trace = await reader.trace(alone, summary.trace_id)
            assert trace is not None
            facts = [facts_of(stored, trace.annotations) for stored in trace.spans]
            found.append((facts, trace_fields(summary)))
    return found


async def page_of(
    reader: Reader, scope: Scope, query: TraceQuery | SpanQuery | SessionQuery, first: int, after: Any
) -> tuple[tuple[Any, ...], Any]:
    """A page's rows, and where it goes on."""
    match query:
        case TraceQuery():
            traces = await reader.find_traces(scope, query, first=first, after=after)
            return traces.traces, traces.next
        case SpanQuery():
            spans = await reader.find_spans(scope, query, first=first, after=after)
            return spans.spans, spans.next
        case SessionQuery():
            sessions = await reader.find_sessions(scope, query, first=first, after=after)
            return sessions.sessions, sessions.next


def in_order(rows: Iterable[AggregateRow]) -> list[AggregateRow]:
    """Groups have no promised order; this one makes them comparable."""
    return sorted(rows, key=lambda row: (repr(row.keys), row.bucket_ns or 0))
