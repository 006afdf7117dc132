"""Lists over all readers: traces, spans and sessions, each joined and in order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from llm_obs_core.filter import MAX_VALUES, And, Condition, Filter, meets, meets_any
from llm_obs_core.interfaces import (
    Coverage,
    Cursor,
    FoundSpan,
    Question,
    Reader,
    Scope,
    SessionCursor,
    SessionPage,
    SessionQuery,
    SpanCursor,
    SpanPage,
    SpanQuery,
    StoredTrace,
    TracePage,
    TraceQuery,
    TraceSummary,
)
from llm_obs_core.summary.columns import SUMMED_COLUMNS
from llm_obs_core.summary.facts import facts_of
from llm_obs_core.summary.fold import sessions_of, trace_fields

from llm_obs_query import merge
from llm_obs_query.above import Bound, divided
from llm_obs_query.merge import Rows
from llm_obs_query.plan import Range, Share
from llm_obs_query.scoped import must_be_of, sourced, without_bodies

if TYPE_CHECKING:
    from llm_obs_query.readers import Failures, Readers

__all__ = ["Finding"]

_PAGE_ROWS: Final = 200
"""Rows that are read at once where they are looked through here."""

Query = TraceQuery | SpanQuery


class Finding:
    """The lists of `Readers`.

    Args:
        readers: Who answers.
        max_rows: Rows that one query may look through above the readers.
    """

    def __init__(self, readers: Readers, max_rows: int) -> None:
        self._readers = readers
        self._max_rows = max_rows

    async def traces(
        self, scope: Scope, query: TraceQuery, first: int, after: Cursor | None, failed: Failures
    ) -> TracePage:
        """See `Readers.find_traces`; the filter is checked."""
        shares = self._readers.shares(Question.TRACES)

        async def part(name: str, reader: Reader, within: TraceQuery) -> Rows:
            return await self._traces_of(name, reader, scope, within, first, after, failed)

        found = await self._parts("find_traces", shares, query, part, failed)
        down = {failure.reader for failure in failed}
        shares = [share for share in shares if share.name not in down]
        if len(shares) > 1:
            found = await self._rejoined(shares, scope, query, found, failed)
        traces, last = _cut(found, first)
        return TracePage(tuple(traces), last, found.coverage)

    async def _parts(
        self,
        called: str,
        shares: Sequence[Share],
        query: Any,
        part: Callable[[str, Reader, Any], Awaitable[Rows]],
        failed: Failures,
    ) -> Rows:
        """What each reader lists within its times, in one order."""
        wanted = Range(query.start_ns, query.end_ns)
        within = {
            share.name: [both for time in share.ranges if (both := time.within(wanted)) is not None] for share in shares
        }

        async def send(name: str, reader: Reader) -> Rows:
            parts = [
                await part(name, reader, msgspec.structs.replace(query, start_ns=time.start_ns, end_ns=time.end_ns))
                for time in within[name]
            ]
            return merge.rows(parts)

        names = [name for name, times in within.items() if times]
        return merge.rows(await self._readers.ask(called, names, send, failed))

    async def _traces_of(
        self,
        name: str,
        reader: Reader,
        scope: Scope,
        query: TraceQuery,
        first: int,
        after: Cursor | None,
        failed: Failures,
    ) -> Rows:
        """The first traces of one reader that match; what it does not evaluate is evaluated here."""
        below, above, of_spans = divided(query.where, name, self._readers.about(name))
        query = msgspec.structs.replace(query, where=below)
        bound = Bound(self._max_rows)
        found: list[tuple[Cursor, TraceSummary]] = []
        while True:
            page = await reader.find_traces(scope, query, first=first if above is None else _PAGE_ROWS, after=after)
            must_be_of(scope, (trace.tenant for trace in page.traces))
            coverage = sourced(page.coverage, name)
            for trace in page.traces:
                if above is not None:
                    bound.take(f"reader {name} does not evaluate all of the filter")
                    stored = await self._whole(reader, scope, trace, failed) if of_spans else None
                    if not _holds(above, trace, stored):
                        continue
                found.append((_trace_cursor(trace), trace))
                if len(found) == first:
                    more = page.next is not None or trace is not page.traces[-1]
                    return Rows(found, found[-1][0] if more else None, coverage)
            if above is None or page.next is None:
                return Rows(found, page.next, coverage)
            after = page.next

    async def _whole(self, reader: Reader, scope: Scope, trace: TraceSummary, failed: Failures) -> StoredTrace | None:
        """A trace with what was said about it, of one reader."""
        alone = Scope((trace.tenant,), scope.content)
        stored = await reader.trace(alone, trace.trace_id)
        if stored is None or Question.ANNOTATIONS in reader.about().questions:
            return stored
        said = await self._readers.annotations(alone, [trace.trace_id], failed=failed)
        return msgspec.structs.replace(stored, annotations=said.rows)

    async def _rejoined(
        self, shares: Sequence[Share], scope: Scope, query: TraceQuery, found: Rows, failed: Failures
    ) -> Rows:
        """Traces of which several readers have a part, made whole: listed once, where their earliest match is."""
        parts = await self._parts_of(shares, scope, [trace for _, trace in found.rows], failed)
        split = {key for key, count in parts.items() if count > 1}
        if not split:
            return found
        matching = await self._matching(shares, scope, query, split, failed)
        kept: dict[tuple[str, bytes], tuple[Cursor, TraceSummary]] = {}
        for place, trace in found.rows:
            key = (trace.tenant, trace.trace_id)
            if key not in split:
                kept[key] = (place, trace)
            elif place.start_ns == min(matching.get(key, [place.start_ns])) and key not in kept:
                stored = await self._readers.trace(Scope(key[:1], scope.content), trace.trace_id, failed=failed)
                if (
                    stored is not None
                    and _within(stored.summary, query)
                    and _holds(query.where, stored.summary, stored)
                ):
                    kept[key] = (place, stored.summary)
        return Rows(list(kept.values()), found.next, found.coverage)

    async def _parts_of(
        self, shares: Sequence[Share], scope: Scope, traces: Iterable[TraceSummary], failed: Failures
    ) -> dict[tuple[str, bytes], int]:
        """How many readers have a part of each trace."""
        wanted = dict.fromkeys((trace.tenant, trace.trace_id) for trace in traces)

        ids = Condition("trace_id", "in", tuple(dict.fromkeys(trace_id.hex() for _, trace_id in wanted)))

        async def send(name: str, reader: Reader) -> list[tuple[str, bytes]]:
            if self._readers.about(name).can(ids) and len(wanted) <= MAX_VALUES:
                most = len(wanted) * len(scope.tenants)
                page = await reader.find_traces(scope, TraceQuery(ids), first=most)
                return [key for trace in page.traces if (key := (trace.tenant, trace.trace_id)) in wanted]
            has = []
            for tenant, trace_id in wanted:
                if await reader.outline(Scope((tenant,)), trace_id, []) is not None:
                    has.append((tenant, trace_id))
            return has

        counts = dict.fromkeys(wanted, 0)
        for keys in await self._readers.ask("outline", [share.name for share in shares], send, failed):
            for key in keys:
                counts[key] += 1
        return counts

    async def _matching(
        self,
        shares: Sequence[Share],
        scope: Scope,
        query: TraceQuery,
        keys: Iterable[tuple[str, bytes]],
        failed: Failures,
    ) -> dict[tuple[str, bytes], list[int]]:
        """Where the parts of traces start that match by themselves."""
        ids = Condition("trace_id", "in", tuple(dict.fromkeys(trace_id.hex() for _, trace_id in keys)))
        alone = msgspec.structs.replace(query, where=And((ids, query.where)))

        async def part(name: str, reader: Reader, within: TraceQuery) -> Rows:
            return await self._traces_of(name, reader, scope, within, self._max_rows, None, failed)

        starts: dict[tuple[str, bytes], list[int]] = {}
        for _, trace in (await self._parts("find_traces", shares, alone, part, failed)).rows:
            starts.setdefault((trace.tenant, trace.trace_id), []).append(trace.start_ns)
        return starts

    async def spans(
        self, scope: Scope, query: SpanQuery, first: int, after: SpanCursor | None, whole: bool, failed: Failures
    ) -> SpanPage:
        """See `Readers.find_spans`; the filter is checked."""

        async def part(name: str, reader: Reader, within: SpanQuery) -> Rows:
            return await self._spans_of(name, reader, scope, within, first, after, whole, failed)

        found = await self._parts("find_spans", self._readers.shares(Question.SPANS), query, part, failed)
        once: dict[SpanCursor, FoundSpan] = {}
        for place, span in found.rows:
            once.setdefault(place, span)
        spans, last = _cut(found._replace(rows=list(once.items())), first)
        return SpanPage(tuple(spans), last, found.coverage)

    async def _spans_of(
        self,
        name: str,
        reader: Reader,
        scope: Scope,
        query: SpanQuery,
        first: int,
        after: SpanCursor | None,
        whole: bool,
        failed: Failures,
    ) -> Rows:
        below, above, of_spans = divided(query.where, name, self._readers.about(name))
        query = msgspec.structs.replace(query, where=below)
        bound = Bound(self._max_rows)
        found: list[tuple[SpanCursor, FoundSpan]] = []
        while True:
            page = await reader.find_spans(
                scope, query, first=first if above is None else _PAGE_ROWS, after=after, whole=whole or of_spans
            )
            must_be_of(scope, (span.tenant for span in page.spans))
            coverage = sourced(page.coverage, name)
            for span in page.spans:
                if above is not None:
                    bound.take(f"reader {name} does not evaluate all of the filter")
                    if not await self._span_holds(above, span, scope, failed):
                        continue
                found.append((_span_cursor(span), _shown(span, whole, scope)))
                if len(found) == first:
                    more = page.next is not None or span is not page.spans[-1]
                    return Rows(found, found[-1][0] if more else None, coverage)
            if above is None or page.next is None:
                return Rows(found, page.next, coverage)
            after = page.next

    async def _span_holds(self, above: Filter, span: FoundSpan, scope: Scope, failed: Failures) -> bool:
        alone = Scope((span.tenant,), scope.content)
        place = _span_cursor(span)
        said = await self._readers.annotations(alone, [place.trace_id], failed=failed)
        outline = await self._readers.outline(alone, place.trace_id, SUMMED_COLUMNS, failed=failed)
        if span.stored is None or outline is None:
            return outline is not None and meets_any(above, (), trace_fields(outline.summary))
        return meets(above, facts_of(span.stored, said.rows), trace_fields(outline.summary))

    async def sessions(
        self, scope: Scope, query: SessionQuery, first: int, after: SessionCursor | None, failed: Failures
    ) -> SessionPage:
        """See `Readers.find_sessions`; the filter is checked."""
        shares = self._readers.shares(Question.SESSIONS)
        if len(shares) == 1 and shares[0].whole and self._readers.about(shares[0].name).can(query.where):

            async def send(name: str, reader: Reader) -> SessionPage:
                page = await reader.find_sessions(scope, query, first=first, after=after)
                must_be_of(scope, (session.tenant for session in page.sessions))
                return msgspec.structs.replace(page, coverage=sourced(page.coverage, name))

            (page,) = await self._readers.ask("find_sessions", [shares[0].name], send, failed)
            return page
        return await self._sessions_above(scope, query, first, after, failed)

    async def _sessions_above(
        self, scope: Scope, query: SessionQuery, first: int, after: SessionCursor | None, failed: Failures
    ) -> SessionPage:
        """Sessions folded from traces, because their traces are in several readers or none evaluates the filter."""
        bound = Bound(self._max_rows)
        having = Condition("session_id", "exists", True)
        matching = TraceQuery(And((having, query.where)), query.start_ns, query.end_ns)
        matched, coverage = await self._all_traces(scope, matching, bound, failed)
        wanted = {(trace.tenant, trace.session_id) for trace in matched if trace.session_id is not None}
        whole: list[TraceSummary] = []
        if wanted:
            ids = tuple(dict.fromkeys(session for _, session in wanted))
            theirs = TraceQuery(Condition("session_id", "in", ids))
            whole, coverage = await self._all_traces(scope, theirs, bound, failed)
        rows = [
            (SessionCursor(session.end_ns, session.session_id, session.tenant), session)
            for session in sessions_of(whole)
            if (session.tenant, session.session_id) in wanted
        ]
        sessions, last = _cut(Rows([row for row in rows if after is None or row[0] < after], None, coverage), first)
        return SessionPage(tuple(sessions), last, coverage)

    async def _all_traces(
        self, scope: Scope, query: TraceQuery, bound: Bound, failed: Failures
    ) -> tuple[list[TraceSummary], Coverage]:
        found: list[TraceSummary] = []
        after: Cursor | None = None
        while True:
            page = await self.traces(scope, query, _PAGE_ROWS, after, failed)
            for trace in page.traces:
                bound.take("sessions are added up from the traces of several readers")
                found.append(trace)
            after = page.next
            if after is None:
                return found, page.coverage


def _holds(where: Filter, trace: TraceSummary, stored: StoredTrace | None) -> bool:
    spans = () if stored is None else stored.spans
    said = () if stored is None else stored.annotations
    return meets_any(where, [facts_of(span, said) for span in spans], trace_fields(trace))


def _within(trace: TraceSummary, query: TraceQuery) -> bool:
    return (query.start_ns is None or trace.start_ns >= query.start_ns) and (
        query.end_ns is None or trace.start_ns < query.end_ns
    )


def _cut(found: Rows, first: int) -> tuple[list[Any], Any]:
    """The first rows, and where the list goes on."""
    kept = found.rows[:first]
    last = kept[-1][0] if len(found.rows) > first and kept else found.next
    return [row for _, row in kept], last


def _trace_cursor(trace: TraceSummary) -> Cursor:
    return Cursor(trace.start_ns, trace.trace_id, trace.tenant)


def _span_cursor(span: FoundSpan) -> SpanCursor:
    start_ns, trace_id, span_id = (span.columns[name] for name in ("start_ns", "trace_id", "span_id"))
    assert isinstance(start_ns, int)
    assert isinstance(trace_id, bytes)
    assert isinstance(span_id, bytes)
    return SpanCursor(start_ns, trace_id, span_id, span.tenant)


def _shown(span: FoundSpan, whole: bool, scope: Scope) -> FoundSpan:
    """The span with no more than was asked for and may be seen."""
    if span.stored is None:
        return span
    stored = None if not whole else span.stored if scope.content else without_bodies((span.stored,))[0]
    return msgspec.structs.replace(span, stored=stored)
