"""Every reader as one: the plan says who answers, each within its time and held to the scope; answers are joined."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from typing import Final, TypeVar

import msgspec
import structlog
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError, LlmObsError
from llm_obs_core.interfaces import (
    About,
    AggregateQuery,
    AggregateResult,
    Annotations,
    Cursor,
    Question,
    Reader,
    Scope,
    SessionCursor,
    SessionPage,
    SessionQuery,
    SpanCursor,
    SpanPage,
    SpanQuery,
    StoredSpans,
    StoredTrace,
    TraceOutline,
    TracePage,
    TraceQuery,
    ValueCount,
)

from llm_obs_query import merge
from llm_obs_query.errors import Code, ReaderError, UserError, described
from llm_obs_query.finding import Finding
from llm_obs_query.plan import Held, Range, Share, plan
from llm_obs_query.scoped import must_be_of, sourced, usable, without_bodies

__all__ = ["AnswerObserver", "Failures", "ReaderSettings", "Readers", "settings_of"]

T = TypeVar("T")

MINUTE_NS: Final = 60_000_000_000

AnswerObserver = Callable[[str, str, str, float, int], None]
"""Told of each answer: reader, query, `answered`, `failed` or `timed_out`, seconds, rows."""

Failures = list[ReaderError]
"""Filled with the readers that did not answer, when others did."""


class ReaderSettings(msgspec.Struct, frozen=True):
    """What the configuration says of a reader's data.

    Attributes:
        prefer: Whether it goes before others that hold the same data.
        origin: The log writers whose data it holds; empty: as the reader says.
    """

    prefer: bool = False
    origin: frozenset[str] = frozenset()


def settings_of(config: Config) -> dict[str, ReaderSettings]:
    """What the configuration says of each reader's data."""
    return {name: ReaderSettings(section.prefer, frozenset(section.origin)) for name, section in config.readers.items()}


class Readers:
    """The readers of one configuration.

    Args:
        readers: By their names in the configuration.
        timeout_s: Longest time for one reader's answer, seconds.
        observe: Told of each answer.
        settings: What the configuration says of their data, by name.
        max_rows: Rows that one query may look through above the readers.
        about_s: How long what a reader says about itself is taken to hold, seconds.
    """

    def __init__(
        self,
        readers: Mapping[str, Reader],
        timeout_s: float,
        observe: AnswerObserver = lambda *_: None,
        settings: Mapping[str, ReaderSettings] | None = None,
        max_rows: int = 1_000,
        about_s: float = 1.0,
    ) -> None:
        self._readers = dict(readers)
        self._timeout_s = timeout_s
        self._observe = observe
        self._settings = settings or {}
        self._started: list[Reader] = []
        self._log = structlog.get_logger("llm_obs.query")
        self._finding = Finding(self, max_rows)
        self._about_s = about_s
        self._abouts: dict[str, tuple[float, About]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The readers' names."""
        return tuple(self._readers)

    async def start(self) -> None:
        """Starts every reader; when one fails, those that run are stopped again.

        Raises:
            ConfigError: Two readers hold the same data, and nothing says which of them answers.
        """
        try:
            for reader in self._readers.values():
                self._started.append(reader)
                await reader.start()
            held = self._held()
            for question in Question:
                plan(question, held)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops every reader. May be called twice."""
        while self._started:
            await self._started.pop().stop()

    def about(self, name: str) -> About:
        """What a reader says about itself, with the origin that the configuration gives it."""
        now = time.monotonic()
        known = self._abouts.get(name)
        if known is not None and now - known[0] < self._about_s:
            return known[1]
        about = self._readers[name].about()
        origin = self._settings.get(name, ReaderSettings()).origin
        if origin:
            about = msgspec.structs.replace(about, origin=origin)
        self._abouts[name] = (now, about)
        return about

    def shares(self, question: Question) -> list[Share]:
        """Who answers a question now.

        Raises:
            UserError: Nobody, or two that hold the same data.
        """
        try:
            found = plan(question, self._held())
        except ConfigError as error:
            # Not seen at the start: a store has since been given the data of a writer that another one holds too.
            raise UserError(
                error.expected, got=error.got, where=error.where, fix=error.fix, code=Code.READER_FAILED
            ) from None
        if not found:
            raise UserError(
                f"a reader that answers for {question}", got=f"only {', '.join(self.names) or 'none'}", where="readers",
                fix="configure one that does",
            )  # fmt: skip
        return found

    def _held(self) -> list[Held]:
        return [
            Held(name, self.about(name), self._settings.get(name, ReaderSettings()).prefer) for name in self._readers
        ]

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None, failed: Failures
    ) -> TracePage:
        """See `Reader.find_traces`."""
        query = msgspec.structs.replace(query, where=usable(query.where, scope))
        return await self._finding.traces(scope, query, first, after, failed)

    async def find_spans(
        self,
        scope: Scope,
        query: SpanQuery,
        *,
        first: int,
        after: SpanCursor | None,
        whole: bool = False,
        failed: Failures,
    ) -> SpanPage:
        """See `Reader.find_spans`."""
        query = msgspec.structs.replace(query, where=usable(query.where, scope))
        return await self._finding.spans(scope, query, first, after, whole, failed)

    async def find_sessions(
        self, scope: Scope, query: SessionQuery, *, first: int, after: SessionCursor | None, failed: Failures
    ) -> SessionPage:
        """See `Reader.find_sessions`."""
        query = msgspec.structs.replace(query, where=usable(query.where, scope))
        return await self._finding.sessions(scope, query, first, after, failed)

    async def trace(self, scope: Scope, trace_id: bytes, *, failed: Failures) -> StoredTrace | None:
        """See `Reader.trace`."""

        async def send(name: str, reader: Reader) -> StoredTrace | None:
            trace = await reader.trace(scope, trace_id)
            if trace is None:
                return None
            must_be_of(scope, (trace.summary.tenant,))
            named = msgspec.structs.replace(trace, coverage=sourced(trace.coverage, name))
            return named if scope.content else msgspec.structs.replace(named, spans=without_bodies(named.spans))

        names = [share.name for share in self.shares(Question.TRACES)]
        parts = [part for part in await self.ask("trace", names, send, failed) if part is not None]
        if not parts:
            return None
        whole = merge.traces(_of_one_tenant(parts, scope, lambda part: part.summary.tenant))
        said = {share.name for share in self._shares_or_none(Question.ANNOTATIONS)}
        if said and said != set(names):
            alone = Scope((whole.summary.tenant,))
            rows = (await self.annotations(alone, [trace_id], failed=failed)).rows
            whole = msgspec.structs.replace(whole, annotations=rows)
        return whole

    async def annotations(self, scope: Scope, trace_ids: Sequence[bytes], *, failed: Failures) -> Annotations:
        """See `Reader.annotations`; none when no reader answers for them."""

        async def send(name: str, reader: Reader) -> Annotations:
            found = await reader.annotations(scope, trace_ids)
            must_be_of(scope, (row.tenant for row in found.rows))
            return msgspec.structs.replace(found, coverage=sourced(found.coverage, name))

        names = [share.name for share in self._shares_or_none(Question.ANNOTATIONS)]
        return merge.said(await self.ask("annotations", names, send, failed))

    def _shares_or_none(self, question: Question) -> list[Share]:
        answer = any(question in self.about(name).questions for name in self._readers)
        return self.shares(question) if answer else []

    async def outline(
        self, scope: Scope, trace_id: bytes, columns: Sequence[str], *, failed: Failures
    ) -> TraceOutline | None:
        """See `Reader.outline`; there may be more columns than were asked for."""
        names = [share.name for share in self.shares(Question.TRACES)]
        joined = columns if len(names) == 1 else merge.outline_columns(columns)

        async def send(name: str, reader: Reader) -> TraceOutline | None:
            outline = await reader.outline(scope, trace_id, joined)
            if outline is None:
                return None
            must_be_of(scope, (outline.summary.tenant,))
            return msgspec.structs.replace(outline, coverage=sourced(outline.coverage, name))

        parts = [part for part in await self.ask("outline", names, send, failed) if part is not None]
        return merge.outlines(_of_one_tenant(parts, scope, lambda part: part.summary.tenant)) if parts else None

    async def spans(
        self, scope: Scope, trace_id: bytes, ids: Sequence[bytes], *, failed: Failures
    ) -> StoredSpans | None:
        """See `Reader.spans`."""

        async def send(name: str, reader: Reader) -> StoredSpans | None:
            found = await reader.spans(scope, trace_id, ids)
            if found is None:
                return None
            must_be_of(scope, (found.tenant,))
            named = msgspec.structs.replace(found, coverage=sourced(found.coverage, name))
            return named if scope.content else msgspec.structs.replace(named, spans=without_bodies(named.spans))

        names = [share.name for share in self.shares(Question.TRACES)]
        parts = [part for part in await self.ask("spans", names, send, failed) if part is not None]
        return merge.spans(_of_one_tenant(parts, scope, lambda part: part.tenant)) if parts else None

    async def aggregate(self, scope: Scope, query: AggregateQuery, *, failed: Failures) -> AggregateResult:
        """See `Reader.aggregate`."""
        wanted = Range(query.start_ns, query.end_ns)
        ranges = {
            share.name: [both for part in share.ranges if (both := _whole_minutes(part).within(wanted)) is not None]
            for share in self.shares(Question.MEASURES)
        }

        async def send(name: str, reader: Reader) -> AggregateResult:
            parts = [
                await reader.aggregate(
                    scope, msgspec.structs.replace(query, start_ns=part.start_ns, end_ns=part.end_ns)
                )
                for part in ranges[name]
            ]
            named = [msgspec.structs.replace(part, coverage=sourced(part.coverage, name)) for part in parts]
            return merge.aggregates(named)

        names = [name for name, parts in ranges.items() if parts]
        return merge.aggregates(await self.ask("aggregate", names, send, failed))

    async def values(
        self, scope: Scope, key: str, *, prefix: str, start_ns: int | None, first: int, failed: Failures
    ) -> Iterable[ValueCount]:
        """See `Reader.values`."""
        shares = self.shares(Question.VALUES)
        if not all(share.whole for share in shares):
            query = AggregateQuery(start_ns=start_ns, group_by=(key,))
            return merge.values_of(await self.aggregate(scope, query, failed=failed), prefix, first)

        async def send(name: str, reader: Reader) -> Sequence[ValueCount]:
            # Of several each may hold many of what is rare in another: all are needed for the sums to be right.
            most = first if len(shares) == 1 else _MANY
            return await reader.values(scope, key, prefix=prefix, start_ns=start_ns, first=most)

        parts = await self.ask("values", [share.name for share in shares], send, failed)
        return merge.values(parts, first)

    async def ask(
        self, query: str, names: Sequence[str], send: Callable[[str, Reader], Awaitable[T]], failed: Failures
    ) -> list[T]:
        """The answers of all of these readers that gave one; raises the first failure when none did."""
        outcomes = await asyncio.gather(*(self._one(name, query, send) for name in names))
        failures = [outcome for outcome in outcomes if isinstance(outcome, ReaderError)]
        if failures and len(failures) == len(outcomes):
            failed.extend(failures[1:])
            raise failures[0]
        failed.extend(failures)
        return [outcome for outcome in outcomes if not isinstance(outcome, ReaderError)]

    async def _one(self, name: str, query: str, send: Callable[[str, Reader], Awaitable[T]]) -> T | ReaderError:
        started = time.perf_counter()
        result, rows = "failed", 0
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await send(name, self._readers[name])
            result, rows = "answered", _rows(answer)
            return answer
        except UserError:
            raise
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
            self._observe(name, query, result, time.perf_counter() - started, rows)


_MANY: Final = 1_000_000


def _of_one_tenant(parts: Sequence[T], scope: Scope, tenant_of: Callable[[T], str]) -> list[T]:
    """Two tenants may have the same trace id, in two readers: the first one of the scope counts."""
    tenant = min((tenant_of(part) for part in parts), key=scope.tenants.index)
    return [part for part in parts if tenant_of(part) == tenant]


def _whole_minutes(part: Range) -> Range:
    """The time with bounds between two minutes, because sums are kept by the minute."""
    start_ns, end_ns = (None if bound is None else -(-bound // MINUTE_NS) * MINUTE_NS for bound in part)
    return Range(start_ns, end_ns)


def _rows(answer: object) -> int:
    """Rows of a page, spans of a trace, groups of an aggregate, values."""
    match answer:
        case merge.Rows():
            return len(answer.rows)
        case TracePage():
            return len(answer.traces)
        case SpanPage() | StoredTrace() | StoredSpans():
            return len(answer.spans)
        case SessionPage():
            return len(answer.sessions)
        case TraceOutline():
            return answer.summary.span_count
        case AggregateResult() | Annotations():
            return len(answer.rows)
        case Sized():
            return len(answer)
        case _:
            return 0
