"""The reader: the catalog says which files, DuckDB reads them. Works beside another process that writes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from llm_obs_core.errors import LlmObsError, StoreError
from llm_obs_core.filter import And, Filter, checked, conditions
from llm_obs_core.interfaces import (
    About,
    AggregateQuery,
    AggregateResult,
    Annotations,
    Cursor,
    Host,
    Question,
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

from llm_obs_lake.aggregate import Source, aggregate, values
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.damage import FIX, Damage, UnreadableError
from llm_obs_lake.engine import Engine
from llm_obs_lake.find import FIRST_ROWS, cursor_of, find_traces
from llm_obs_lake.folder import Folder
from llm_obs_lake.held import HeldMeasures
from llm_obs_lake.lease import Lease
from llm_obs_lake.said import said_of
from llm_obs_lake.schema import Kind
from llm_obs_lake.sessions import find_sessions
from llm_obs_lake.spans import find_spans, span_cursor_of
from llm_obs_lake.trace import read_outline, read_spans, read_trace
from llm_obs_lake.view import View

__all__ = ["LakeReader", "make"]

_QUESTIONS_AT_ONCE: Final = 4
_QUESTIONS: Final = frozenset(set(Question) - {Question.LOGS})
_HOUR_NS: Final = 3_600_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS
EVERYTHING: Final = And()
T = TypeVar("T")


def make(options: LakeOptions, host: Host) -> LakeReader:
    """The factory of the reader `lake`."""
    return LakeReader(options, host)


class LakeReader:
    """A `Reader` of a lake.

    Args:
        options: The lake's options.
        host: Says where the store is; None for a lake of its own folder.
        first_rows: Rows of the first window of a list.
    """

    def __init__(self, options: LakeOptions, host: Host | None = None, first_rows: int = FIRST_ROWS) -> None:
        self._options = options
        self._first_rows = first_rows
        self._folder = Folder(options.folder_in(Path() if host is None else host.data_dir))
        self._opened: _Opened | None = None

    async def start(self) -> None:
        """Opens the store.

        Raises:
            StoreError: There is none, or it is of another format, or this user may not read it.
        """
        self._opened = await asyncio.to_thread(_Opened, self._folder, self._options)

    def about(self) -> About:
        """What it answers: every query but logs, with every filter, over the logs whose segments it has."""
        return self._started().about()

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The traces that match, newest first."""

        def work(opened: _Opened, view: View) -> TracePage:
            found = find_traces(opened.engine, view, scope, query, _one_more(first), after, self._first_rows)
            page, last = _page(found, first)
            return TracePage(page, None if last is None else cursor_of(last), view.coverage())

        query = msgspec.structs.replace(query, where=checked(query.where, content=scope.content))
        return await self._ask(scope, work, query.where)

    async def find_spans(
        self, scope: Scope, query: SpanQuery, *, first: int, after: SpanCursor | None = None, whole: bool = False
    ) -> SpanPage:
        """The spans that match, newest first."""

        def work(opened: _Opened, view: View) -> SpanPage:
            wanted = _one_more(first)
            found = find_spans(opened.engine, view, scope, query, wanted, after, whole, self._first_rows)
            page, last = _page(found, first)
            return SpanPage(page, None if last is None else span_cursor_of(last), view.coverage())

        query = msgspec.structs.replace(query, where=checked(query.where, content=scope.content))
        return await self._ask(scope, work, query.where)

    async def find_sessions(
        self, scope: Scope, query: SessionQuery, *, first: int, after: SessionCursor | None = None
    ) -> SessionPage:
        """The sessions that match, the one that ended last first."""

        def work(opened: _Opened, view: View) -> SessionPage:
            found = find_sessions(opened.engine, view, scope, query, _one_more(first), after)
            page, last = _page(found, first)
            place = None if last is None else SessionCursor(last.end_ns, last.session_id, last.tenant)
            return SessionPage(page, place, view.coverage())

        query = msgspec.structs.replace(query, where=checked(query.where, content=scope.content))
        return await self._ask(scope, work, query.where)

    async def annotations(self, scope: Scope, trace_ids: Sequence[bytes]) -> Annotations:
        """What was said about these traces and their spans."""

        def work(opened: _Opened, view: View) -> Annotations:
            rows = [
                row
                for tenant in dict.fromkeys(scope.tenants)
                for row in said_of(opened.engine, view, tenant, trace_ids)
            ]
            rows.sort(key=lambda row: (row.trace_id, row.span_id or b"", row.key, row.tenant))
            return Annotations(tuple(rows), view.coverage())

        return await self._ask(scope, work)

    async def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One whole trace."""
        return await self._ask(scope, lambda opened, view: read_trace(opened.engine, view, scope, trace_id))

    async def outline(self, scope: Scope, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        """Columns of one trace."""
        return await self._ask(scope, lambda opened, view: read_outline(opened.engine, view, scope, trace_id, columns))

    async def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        """Some spans of one trace."""
        return await self._ask(scope, lambda opened, view: read_spans(opened.engine, view, scope, trace_id, ids))

    async def aggregate(self, scope: Scope, query: AggregateQuery) -> AggregateResult:
        """Exact sums from measures."""
        return await self._ask(
            scope,
            lambda opened, view: AggregateResult(tuple(aggregate(opened.source(view), scope, query)), view.coverage()),
        )

    async def values(
        self, scope: Scope, key: str, *, prefix: str = "", start_ns: int | None = None, first: int = 100
    ) -> Sequence[ValueCount]:
        """The commonest values of a key."""
        return await self._ask(
            scope, lambda opened, view: values(opened.source(view), scope, key, prefix, start_ns, first)
        )

    async def stop(self) -> None:
        """Closes the store once the questions under way are answered. May be called twice."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened.close)

    async def _ask(self, scope: Scope, work: Callable[[_Opened, View], T], where: Filter = EVERYTHING) -> T:
        opened = self._started()
        return await asyncio.get_running_loop().run_in_executor(opened.threads, opened.ask, scope, work, where)

    def _started(self) -> _Opened:
        if self._opened is None:
            raise StoreError("a lake that was started", got="a query before start or after stop")
        return self._opened


def _one_more(first: int) -> int:
    """How many rows say whether there is another page."""
    return first + 1 if first > 0 else 0


def _page(found: Sequence[T], first: int) -> tuple[tuple[T, ...], T | None]:
    """The page, and its last row when there is another page."""
    page = tuple(found[: max(first, 0)])
    return page, page[-1] if len(found) > len(page) else None


class _Opened:
    """What a started reader holds."""

    def __init__(self, folder: Folder, options: LakeOptions) -> None:
        if not folder.catalog.exists():
            raise StoreError(
                "a lake",
                got="none",
                where=str(folder.path),
                fix="start `llm-obs up` or the collector, which make it, or correct server.data_dir",
            )
        self._folder = folder
        self._limit_bytes = options.memory_limit_bytes
        self._retention_days = options.retention_days
        self._damage = Damage(folder.blobs)
        self._catalog = Catalog(folder.catalog, write=False)
        self._looking = threading.Lock()
        self._seen: tuple[int, int, View] | None = None
        with ExitStack() as opened:
            opened.callback(self._catalog.close)
            self._lease = Lease(folder.leases)
            opened.callback(self._lease.close)
            self.engine = Engine(folder.segments, options.memory_limit_bytes, options.threads)
            opened.pop_all()
        self._held = HeldMeasures(folder.blobs, options.measures_memory_bytes, options.threads)
        self.threads = ThreadPoolExecutor(_QUESTIONS_AT_ONCE, thread_name_prefix="lake-reader")

    def ask(self, scope: Scope, work: Callable[[_Opened, View], T], where: Filter) -> T:
        """Answers from what is live now, and keeps its files meanwhile. Files that cannot be read are left out."""
        for condition in conditions(where):
            if condition.op == "regex":
                self.engine.check_expression(str(condition.value))
        with self._lease.hold(self._look) as live:
            while True:
                view = live.without(self._damage.names(), scope.tenants)
                self.engine.begin()
                try:
                    answer = work(self, view)
                except Exception as error:  # damage that can be decoded shows itself anywhere
                    if type(error) is LlmObsError:
                        raise
                    failure = (
                        error if isinstance(error, UnreadableError) else UnreadableError(error, self.engine.read())
                    )
                    if not failure.paths or not self._damage.find(failure, view.all(), self.engine.probe):
                        raise
                    continue
                if answer is None and any("/spans-" in path for path in view.damaged):
                    raise StoreError(
                        "a trace of files that can be read",
                        got=f"none; it may be in {', '.join(view.damaged)}",
                        where=str(self._folder.segments),
                        fix=FIX,
                    )
                return answer

    def about(self) -> About:
        """As of now."""
        _, view = self._look()
        segments = view.all()
        origin = frozenset(segment.writer for segment in segments)
        tiers = tuple(sorted({segment.tier for segment in segments})) or ("hot",)
        return About(_QUESTIONS, origin, tiers=tiers, start_ns=self._kept_from_ns())

    def _kept_from_ns(self) -> int | None:
        """From when on nothing has been dropped; on the hour."""
        if self._retention_days is None:
            return None
        return -((int(self._retention_days * _DAY_NS) - time.time_ns()) // _HOUR_NS * _HOUR_NS)

    def source(self, view: View) -> Source:
        """What sums are made from."""
        return Source(self._held, view, self._limit_bytes)

    def _look(self) -> tuple[int, View]:
        with self._looking:
            mark = self._catalog.change_mark()
            if self._seen is None or self._seen[0] != mark:
                now = self._catalog.snapshot()
                by_kind: dict[tuple[str, Kind], list[Segment]] = {}
                for segment in now.segments:
                    by_kind.setdefault((segment.tenant, segment.kind), []).append(segment)
                view = View(self._folder.blobs, by_kind, now.fresh_to_ns, self._blocks)
                self._held.keep_only({part.path for part in now.segments if part.kind == "measures"})
                self._seen = (mark, now.generation, view)
            return self._seen[1:]

    def _blocks(self, tenant: str, hash: int) -> dict[int, bytes]:
        with self._looking:
            return self._catalog.filter_blocks(tenant, hash)

    def close(self) -> None:
        self.threads.shutdown()
        self._held.close()
        self.engine.close()
        self._lease.close()
        self._catalog.close()
