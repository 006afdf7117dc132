"""Every reader as one: asked together, each within its time, held to the scope; one that fails spoils nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from typing import TypeVar

import msgspec
import structlog
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateResult,
    Coverage,
    Cursor,
    Reader,
    Scope,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceFilter,
    TraceOutline,
    TracePage,
    ValueCount,
)

from llm_obs_query import merge
from llm_obs_query.errors import ReaderError, described

__all__ = ["AnswerObserver", "Failures", "Stores"]

T = TypeVar("T")

AnswerObserver = Callable[[str, str, str, float, int], None]
"""Told of each answer: reader, question, `answered`, `failed` or `timed_out`, seconds, rows."""

Failures = list[ReaderError]
"""Filled with the readers that did not answer, when others did."""


class Stores:
    """The readers of one configuration.

    Args:
        readers: By their names in the configuration.
        timeout_s: Longest time for one reader's answer, seconds.
        observe: Told of each answer.
    """

    def __init__(
        self, readers: Mapping[str, Reader], timeout_s: float, observe: AnswerObserver = lambda *_: None
    ) -> None:
        self._readers = dict(readers)
        self._timeout_s = timeout_s
        self._observe = observe
        self._started: list[Reader] = []
        self._log = structlog.get_logger("llm_obs.query")

    @property
    def names(self) -> tuple[str, ...]:
        """The readers' names."""
        return tuple(self._readers)

    async def start(self) -> None:
        """Starts every reader; when one fails, those that run are stopped again."""
        try:
            for reader in self._readers.values():
                self._started.append(reader)
                await reader.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops every reader. May be called twice."""
        while self._started:
            await self._started.pop().stop()

    async def find_traces(
        self, scope: Scope, where: TraceFilter, *, first: int, after: Cursor | None, failed: Failures
    ) -> TracePage:
        """See `Reader.find_traces`."""

        async def ask(reader: Reader) -> TracePage:
            page = await reader.find_traces(scope, where, first=first, after=after)
            _must_be_of(scope, (trace.tenant for trace in page.traces))
            return page

        parts = await self._ask("find_traces", ask, failed)
        return merge.pages(parts, first) if parts else TracePage((), None, Coverage(()))

    async def trace(self, scope: Scope, trace_id: bytes, *, failed: Failures) -> StoredTrace | None:
        """See `Reader.trace`."""

        async def ask(reader: Reader) -> StoredTrace | None:
            trace = await reader.trace(scope, trace_id)
            if trace is None:
                return None
            _must_be_of(scope, (trace.summary.tenant,))
            return trace if scope.content else msgspec.structs.replace(trace, spans=_without_bodies(trace.spans))

        parts = [part for part in await self._ask("trace", ask, failed) if part is not None]
        return merge.traces(parts) if parts else None

    async def outline(
        self, scope: Scope, trace_id: bytes, columns: Sequence[str], *, failed: Failures
    ) -> TraceOutline | None:
        """See `Reader.outline`; there may be more columns than were asked for."""
        joined = columns if len(self._readers) == 1 else merge.outline_columns(columns)

        async def ask(reader: Reader) -> TraceOutline | None:
            outline = await reader.outline(scope, trace_id, joined)
            if outline is not None:
                _must_be_of(scope, (outline.summary.tenant,))
            return outline

        parts = [part for part in await self._ask("outline", ask, failed) if part is not None]
        return merge.outlines(parts) if parts else None

    async def spans(
        self, scope: Scope, trace_id: bytes, ids: Sequence[bytes], *, failed: Failures
    ) -> StoredSpans | None:
        """See `Reader.spans`."""

        async def ask(reader: Reader) -> StoredSpans | None:
            found = await reader.spans(scope, trace_id, ids)
            if found is None:
                return None
            _must_be_of(scope, (found.tenant,))
            return found if scope.content else msgspec.structs.replace(found, spans=_without_bodies(found.spans))

        parts = [part for part in await self._ask("spans", ask, failed) if part is not None]
        return merge.spans(parts) if parts else None

    async def aggregate(self, scope: Scope, query: AggregateQuery, *, failed: Failures) -> AggregateResult:
        """See `Reader.aggregate`."""
        parts = await self._ask("aggregate", lambda reader: reader.aggregate(scope, query), failed)
        return merge.aggregates(parts) if parts else AggregateResult((), Coverage(()))

    async def values(
        self, scope: Scope, key: str, *, prefix: str, start_ns: int | None, first: int, failed: Failures
    ) -> Iterable[ValueCount]:
        """See `Reader.values`."""
        parts = await self._ask(
            "values", lambda reader: reader.values(scope, key, prefix=prefix, start_ns=start_ns, first=first), failed
        )
        return merge.values(parts, first)

    async def _ask(self, question: str, ask: Callable[[Reader], Awaitable[T]], failed: Failures) -> list[T]:
        """The answers of all readers that gave one; raises the first failure when none did."""
        outcomes = await asyncio.gather(*(self._one(name, question, ask) for name in self._readers))
        failures = [outcome for outcome in outcomes if isinstance(outcome, ReaderError)]
        if failures and len(failures) == len(outcomes):
            failed.extend(failures[1:])
            raise failures[0]
        failed.extend(failures)
        return [outcome for outcome in outcomes if not isinstance(outcome, ReaderError)]

    async def _one(self, name: str, question: str, ask: Callable[[Reader], Awaitable[T]]) -> T | ReaderError:
        started = time.perf_counter()
        result, rows = "failed", 0
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await ask(self._readers[name])
            result, rows = "answered", _rows(answer)
            return answer
        except TimeoutError:
            result = "timed_out"
            said = f"none within {self._timeout_s:g} s"
            fix = "ask for less: a shorter time, fewer rows; or raise query.timeout_s"
            self._log.warning("a reader took too long", reader=name, timeout_s=self._timeout_s)
            return ReaderError(name, got=said, fix=fix)
        except LlmObsError as error:
            self._log.warning("a reader failed", reader=name, error=str(error))
            return ReaderError(name, got=str(error))
        except Exception as error:
            self._log.error("a reader failed", reader=name, cause=described(error))
            return ReaderError(name, got="an unexpected error", fix="see the server's log")
        finally:
            self._observe(name, question, result, time.perf_counter() - started, rows)


def _rows(answer: object) -> int:
    """Traces of a page, spans of a trace, groups of an aggregate, values."""
    if isinstance(answer, TracePage):
        return len(answer.traces)
    if isinstance(answer, StoredTrace | StoredSpans):
        return len(answer.spans)
    if isinstance(answer, TraceOutline):
        return answer.summary.span_count
    if isinstance(answer, AggregateResult):
        return len(answer.rows)
    return len(answer) if isinstance(answer, Sized) else 0


def _must_be_of(scope: Scope, tenants: Iterable[str]) -> None:
    """A second look, because a store that mixes tenants up must not be believed."""
    if foreign := set(tenants).difference(scope.tenants):
        raise RuntimeError(f"a reader gave data of {len(foreign)} tenants beyond its scope")


def _without_bodies(spans: Iterable[StoredSpan]) -> tuple[StoredSpan, ...]:
    """The spans without bodies of content, whatever their reader gave."""
    return tuple(
        stored
        if all(item.body is None for item in stored.content)
        else msgspec.structs.replace(
            stored, content=tuple(msgspec.structs.replace(item, body=None) for item in stored.content)
        )
        for stored in spans
    )
