"""One question, two readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import msgspec
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateRow,
    Coverage,
    Cursor,
    Reader,
    Scope,
    Sink,
    SinkPart,
    StoredSpan,
    StoredTrace,
    TraceFilter,
    TraceOutline,
    TraceSummary,
)

from llm_obs_testing.memory import MemoryReader, MemorySink
from llm_obs_testing.parts import make_write

__all__ = ["Both", "in_order"]


class Both:
    """A reader and its oracle; every question is asked of both."""

    def __init__(self, runner: asyncio.Runner, sink: Sink, reader: Reader) -> None:
        self.runner, self.sink, self.reader = runner, sink, reader
        self.memory = MemorySink()
        self.oracle = MemoryReader(self.memory.store)
        self._started = False

    def write(self, writes: Iterable[Sequence[SinkPart]]) -> None:
        """The same into both stores, each what it takes."""
        if not self._started:
            self.runner.run(self.sink.start())
            self._started = True
        for parts in writes:
            for sink in (self.sink, self.memory):
                taken = [part for part in parts if part.kind in sink.limits.kinds]
                self.runner.run(sink.write(make_write(taken, parts[0].first.sequence, parts[-1].last.sequence)))

    def ask(self, question: Callable[[Reader], Coroutine[Any, Any, Any]]) -> Any:
        """The answer, which must be the oracle's."""
        answer, expected = (self.runner.run(question(reader)) for reader in (self.reader, self.oracle))
        assert answer == expected
        return answer

    def listed(self, scope: Scope, where: TraceFilter) -> tuple[TraceSummary, ...]:
        """All traces that match."""

        async def question(reader: Reader) -> tuple[TraceSummary, ...]:
            return (await reader.find_traces(scope, where, first=1000)).traces

        found: tuple[TraceSummary, ...] = self.ask(question)
        return found

    def walk(self, scope: Scope, where: TraceFilter, first: int) -> tuple[TraceSummary, ...]:
        """The same, page by page."""

        async def question() -> tuple[TraceSummary, ...]:
            found: list[TraceSummary] = []
            after: Cursor | None = None
            while True:
                page = await self.reader.find_traces(scope, where, first=first, after=after)
                found += page.traces
                assert len(page.traces) <= first
                if (after := page.next) is None:
                    return tuple(found)

        return self.runner.run(question())

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


def in_order(rows: Iterable[AggregateRow]) -> list[AggregateRow]:
    """Groups have no promised order; this one makes them comparable."""
    return sorted(rows, key=lambda row: (repr(row.keys), row.bucket_ns or 0))
