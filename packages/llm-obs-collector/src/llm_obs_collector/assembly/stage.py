"""The stage between the two streams: reads what was accepted, appends what it derives, once for every sink.

It goes on from the last derived record, never from a cursor: what is derived and how far it has come are one atomic
append, so a crash derives nothing twice and skips nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Final

import msgspec
import structlog
from llm_obs_core.errors import FencedError, LlmObsError, RetryableError
from llm_obs_core.interfaces import Feed, Log, StoredRecord
from llm_obs_core.model import Position, RecordKind, Stream
from llm_obs_core_ext.dedup import DedupIndex

from llm_obs_collector.assembly.covered import covered_of
from llm_obs_collector.assembly.derive import Derived, derive, remember
from llm_obs_collector.assembly.opened import OpenedCache, open_records
from llm_obs_collector.assembly.ranges import RangeReader
from llm_obs_collector.intake import Intake, IntakeLimits, Unit
from llm_obs_collector.signals import RecordReader
from llm_obs_collector.timing import Clock

__all__ = ["READER", "Assembly", "AssemblyStatus"]

READER: Final = "_assembly"
"""Its name as a reader of the accepted stream; no sink can have it."""

LIMITS: Final = IntakeLimits(max_items=16_384, max_bytes=16 * 1024 * 1024, flush_interval_s=0.025)
"""A range is small, so that what is accepted is derived within 100 ms, and large enough to be worth a sync."""

REMEMBERED_BYTES: Final = 64 * 1024 * 1024
"""Payload of the newest derived records whose spans are remembered at a start."""

RETRY_S: Final = 1.0

DelayObserver = Callable[[float], None]
"""Told, of each record, how long after its arrival it was derived, seconds."""


class AssemblyStatus(msgspec.Struct, frozen=True):
    """How the stage fares.

    Attributes:
        state: `starting`, `running`, `failing` or `stopped`.
        position: The last accepted record that is derived from, or None.
        undecided: Items accepted and not yet derived from.
        duplicates: Spans that had been seen before, since the start.
        replaced: Spans that had been seen before with other facts, since the start.
        unreadable: Items of records that could not be read, since the start.
        known_spans: Spans that are remembered.
        forgotten_spans: Spans that were forgotten to make room: a duplicate of one of them is not recognised.
        trouble: Why the last try failed; empty when it went well.
    """

    state: str
    position: str | None
    undecided: int
    duplicates: int
    replaced: int
    unreadable: int
    known_spans: int
    forgotten_spans: int
    trouble: str


class Assembly:
    """Derives from one partition of one writer's log.

    Args:
        log: Its two streams.
        records: Reads their records.
        make_index: A new, empty index of the spans that were seen.
        cache: Where ranges are kept for the sinks.
        observe: Told of delays.
        clock: For waits.
    """

    def __init__(
        self,
        log: Log,
        records: RecordReader,
        make_index: Callable[[], DedupIndex],
        cache: OpenedCache,
        *,
        observe: DelayObserver = lambda _: None,
        clock: Clock = Clock(),  # noqa: B008 - immutable
    ) -> None:
        self._log = log
        self._records = records
        self._make_index = make_index
        self._index = make_index()
        self._cache = cache
        self._observe = observe
        self._clock = clock
        self._say = structlog.get_logger("llm_obs.assembly")
        self._accepted: Feed | None = None
        self._last_derived: Position | None = None
        self._covered: Position | None = None
        self._cuts: tuple[Position, ...] = ()
        self._intake: Intake | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._running = False
        self._trouble = ""
        self._duplicates = self._replaced = self._unreadable = 0

    @property
    def covered(self) -> Position | None:
        """The last accepted record that is derived from; None when none is."""
        return self._covered

    async def open(self) -> None:
        """Finds where to go on.

        Raises:
            LlmObsError: The log cannot be read.
        """
        self._accepted = self._log.feed(Stream.ACCEPTED, READER)
        await self._find()

    async def _find(self) -> None:
        assert self._accepted is not None
        newest = await self._log.feed(Stream.DERIVED, "").newest()
        if newest is not None:
            assert newest.record.covers is not None
            self._last_derived, self._covered = newest.position, newest.record.covers.last
            await self._accepted.follow(self._covered)

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever derived from this log: it is empty, or an older version wrote it."""
        return self._last_derived is None

    def start(self, cuts: Collection[Position] = ()) -> None:
        """Begins to derive.

        Args:
            cuts: Accepted Positions at which a range must end: a store that an older version fed holds all up to one
                of them, with measures of its own.
        """
        self._cuts = tuple(sorted(cuts))
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Derives from what is accepted, and ends. May be called twice."""
        self._stopping = True
        if self._intake is not None:
            self._intake.end()
        if self._task is not None:
            if not self._trouble:
                await asyncio.wait([self._task], timeout=5.0)
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def status(self) -> AssemblyStatus:
        """How it fares now."""
        working = "failing" if self._trouble else "running" if self._running else "starting"
        return AssemblyStatus(
            state="stopped" if self._stopping else working,
            position=str(self._covered) if self._covered else None,
            undecided=0 if self._accepted is None else await self._accepted.lag(self._covered),
            duplicates=self._duplicates,
            replaced=self._replaced,
            unreadable=self._unreadable,
            known_spans=self._index.entries,
            forgotten_spans=self._index.evicted,
            trouble=self._trouble,
        )

    async def _run(self) -> None:
        fenced = False
        while True:
            try:
                if not self._running:
                    if fenced:  # an append went well of which the log could not say so, or another process derives
                        await self._find()
                        fenced = False
                    await self._remember()
                    self._running = True
                await self._derive()
            except Exception as error:  # the stage lives as long as the process: what is accepted waits for it
                self._failed(error)
                self._running = False
                fenced |= isinstance(error, FencedError)
                self._index = self._make_index()  # it may know spans that were not derived from in the end
                asked_s = error.retry_after_s if isinstance(error, RetryableError) else None
                await self._clock.sleep(asked_s or RETRY_S)
            else:
                return

    async def _remember(self) -> None:
        """Reads the newest records that were derived from again, so that their spans' duplicates are recognised."""
        if self._last_derived is None or self._covered is None:
            return
        ranges: deque[tuple[Position | None, int]] = deque()
        nbytes = 0
        reader = RangeReader(self._log.feed(Stream.DERIVED, ""))
        try:
            async for item in reader.each(None, self._last_derived):
                if item.record.kind is RecordKind.COVERED and item.record.covers is not None:
                    ranges.append((item.record.covers.after, covered_of(item.record).nbytes))
                    nbytes += ranges[-1][1]
                    while nbytes > REMEMBERED_BYTES and len(ranges) > 1:
                        nbytes -= ranges.popleft()[1]
        finally:
            await reader.close()
        if ranges:
            newest = await _range(self._log.feed(Stream.ACCEPTED, ""), ranges[0][0], self._covered)
            await asyncio.to_thread(lambda: remember(open_records(newest, self._records), self._index))

    async def _derive(self) -> None:
        assert self._accepted is not None
        intake = self._intake = Intake(self._accepted, self._covered, LIMITS, self._clock)
        if self._stopping:
            intake.end()
        try:
            while units := await intake.take():
                for records in self._ranges(units):
                    await self._bring(records)
        finally:
            await intake.close()

    async def _bring(self, records: list[StoredRecord]) -> None:
        assert self._accepted is not None
        derived = await asyncio.to_thread(self._work, records, self._covered)
        writer = self._log.writer(Stream.DERIVED)
        while True:
            try:
                appended = await writer.append(derived.records, expect=self._last_derived)
                break
            except RetryableError as error:  # no room: nothing is dropped, what is accepted waits
                self._failed(error)
                await self._clock.sleep(RETRY_S)
        self._cache.put(records[-1].position, derived.opened)
        self._last_derived, self._covered = appended[-1].position, records[-1].position
        self._trouble = ""
        self._duplicates += derived.duplicates
        self._replaced += derived.replaced
        self._unreadable += derived.unreadable
        now_ns = time.time_ns()
        for item in records:
            self._observe((now_ns - item.record.received_ns) / 1e9)
        await self._accepted.commit(self._covered)

    def _work(self, records: list[StoredRecord], after: Position | None) -> Derived:
        return derive(open_records(records, self._records), after, self._index)

    def _ranges(self, units: list[Unit]) -> list[list[StoredRecord]]:
        """The records in ranges none of which a cut falls into."""
        ranges: list[list[StoredRecord]] = [[]]
        for item in (item for unit in units for item in unit.records):
            ranges[-1].append(item)
            if item.position in self._cuts:
                ranges.append([])
        return [records for records in ranges if records]

    def _failed(self, error: Exception) -> None:
        trouble = str(error) or repr(error)
        if trouble != self._trouble:
            known = isinstance(error, LlmObsError)
            self._say.warning("nothing can be derived", error=trouble, exc_info=None if known else error)
        self._trouble = trouble


async def _range(feed: Feed, after: Position | None, last: Position) -> list[StoredRecord]:
    reader = RangeReader(feed)
    try:
        return await reader.read(after, last)
    finally:
        await reader.close()
