"""The reader: the catalog says which files, DuckDB reads them. Works beside another process that writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

from llm_obs_core.errors import LlmObsError, StoreError
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateResult,
    Cursor,
    Host,
    Scope,
    StoredSpans,
    StoredTrace,
    TraceFilter,
    TraceOutline,
    TracePage,
    ValueCount,
)

from llm_obs_lake.aggregate import Source, aggregate, values
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.damage import FIX, Damage, UnreadableError
from llm_obs_lake.engine import Engine
from llm_obs_lake.find import FIRST_ROWS, find_traces
from llm_obs_lake.folder import Folder
from llm_obs_lake.held import HeldMeasures
from llm_obs_lake.lease import Lease
from llm_obs_lake.schema import Kind
from llm_obs_lake.trace import read_outline, read_spans, read_trace
from llm_obs_lake.view import View

__all__ = ["LakeReader", "make"]

_QUESTIONS_AT_ONCE: Final = 4
T = TypeVar("T")


def make(options: LakeOptions, host: Host) -> LakeReader:
    """The factory of the reader `lake`."""
    return LakeReader(options, host)


class LakeReader:
    """A `Reader` of a lake.

    Args:
        options: The lake's options.
        host: Says where the store is; None for a lake of its own folder.
        first_rows: As `find_traces` takes it.
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

    async def find_traces(
        self, scope: Scope, where: TraceFilter, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The traces that match, newest first."""

        def work(opened: _Opened, view: View) -> TracePage:
            wanted = first + 1 if first > 0 else 0
            found = find_traces(opened.engine, view, scope, where, wanted, after, self._first_rows)
            page = tuple(found[:first])
            last = page[-1] if len(found) > first else None
            place = None if last is None else Cursor(last.start_ns, last.trace_id, last.tenant)
            return TracePage(page, place, view.coverage())

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

    async def _ask(self, scope: Scope, work: Callable[[_Opened, View], T]) -> T:
        if self._opened is None:
            raise StoreError("a lake that was started", got="a question before start or after stop")
        return await asyncio.get_running_loop().run_in_executor(self._opened.threads, self._opened.ask, scope, work)


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

    def ask(self, scope: Scope, work: Callable[[_Opened, View], T]) -> T:
        """Answers from what is live now, and keeps its files meanwhile. Files that cannot be read are left out."""
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
