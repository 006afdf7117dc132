"""One sink's worker: reads the derived stream at the sink's own pace, writes, and only then moves the cursor."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import structlog
from llm_obs_core.config import Worker
from llm_obs_core.errors import ConfigError, LlmObsError, RetryableError
from llm_obs_core.interfaces import Feed, Log, Sink, SinkLimits, StoredRecord
from llm_obs_core.model import PayloadKind, Position, Stream

from llm_obs_collector.assembly.opened import Opened, OpenedCache, open_records
from llm_obs_collector.assembly.ranges import RangeReader
from llm_obs_collector.intake import Intake, IntakeLimits, Unit
from llm_obs_collector.signals import RecordReader
from llm_obs_collector.sinks.batches import Batch, batch_of, ends_batch
from llm_obs_collector.sinks.deadline import ended, within
from llm_obs_collector.sinks.delivery import Delivery, Prepared, WriteObserver
from llm_obs_collector.sinks.ledger import SinkCounts, SinkLedger
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.pieces import load
from llm_obs_collector.timing import Clock, backoff_s

__all__ = ["SinkStatus", "SinkWorker"]

HANGS: Final = "the sink hangs"


class SinkStatus(msgspec.Struct, frozen=True):
    """How a sink fares.

    Attributes:
        state: `starting`, `running`, `failing` or `stopped`.
        breaker: `closed`, `half_open` or `open`.
        position: What it holds for good, or None.
        queued: Items in the log that it does not hold yet.
        behind_s: Age of the oldest of the records that are on their way to it, seconds.
        trouble: Why the last try failed; empty when it went well.
    """

    state: str
    breaker: str
    position: str | None
    queued: int
    behind_s: float
    trouble: str


class SinkWorker:
    """Feeds one sink from the log.

    Args:
        name: The section's name: reader of the log, folder of dead letters, metric label.
        writer: `server.writer`: Positions of another collector say nothing about this one's log.
        sink: The sink.
        log: The log.
        records: Reads its records.
        settings: `[sinks.<name>.worker]`.
        letters: What the sink refuses is kept here.
        key_of: A tenant's key for the digests of contents.
        cache: What assembly has scanned.
        derived_to: The last accepted record that is derived from.
        clock: For waits.
        observe: Told of each write.
        passed: Told when the sink needs something of the log no longer.
    """

    def __init__(
        self,
        name: str,
        writer: str,
        sink: Sink,
        log: Log,
        records: RecordReader,
        settings: Worker,
        letters: DeadLetters,
        *,
        key_of: Callable[[str], bytes],
        cache: OpenedCache,
        derived_to: Callable[[], Position | None],
        clock: Clock = Clock(),  # noqa: B008 - immutable
        observe: WriteObserver = lambda *_: None,
        passed: Callable[[], None] = lambda: None,
    ) -> None:
        _check_kinds(name, sink.limits)
        self.name = name
        self.letters = letters
        self._writer = writer
        self._sink = sink
        self._log = log
        self._records = records
        self._settings = settings
        self._cache = cache
        self._derived_to = derived_to
        self._clock = clock
        self._passed = passed
        self._ledger = SinkLedger()
        self._delivery = Delivery(sink, settings, letters, self._ledger, key_of, clock, observe)
        self._say = structlog.get_logger("llm_obs.sink").bind(sink=name)
        self._accepted: Feed | None = None
        self._derived: Feed | None = None
        self._position: Position | None = None
        self._covered: Position | None = None
        self._held_before: Position | None = None
        self._open = False
        self._failing = ""
        self._stopping = False
        self._intake: Intake | None = None
        self._task: asyncio.Task[None] | None = None
        self._under_way: deque[int] = deque()

    @property
    def covered(self) -> Position | None:
        """The last accepted record that the sink has passed; None when there is none."""
        return self._covered

    @property
    def cut(self) -> Position | None:
        """Where the store's own measures end, an accepted Position, if an older version fed it."""
        return self._held_before

    @property
    def is_open(self) -> bool:
        """Whether the store was reached, so that it is known what it holds."""
        return self._open

    async def had_cursor(self) -> bool:
        """Whether the sink was fed from this log before."""
        return self._accepted is not None and await self._accepted.committed() is not None

    async def open(self) -> None:
        """Registers with the log and tries to start the sink once.

        Raises:
            LlmObsError: The sink cannot be used as it is configured; a RetryableError or any other failure is tried
                again once the worker runs.
        """
        self._accepted = self._log.feed(Stream.ACCEPTED, self.name)
        self._derived = self._log.feed(Stream.DERIVED, self.name)
        await self._go_to(await self._derived.committed())
        self._ledger.recovered = await self._accepted.lag(self._covered) - self._log.stats.appended_items
        await self._try_to_start()

    async def _try_to_start(self) -> None:
        try:
            await self._start_sink()
        except RetryableError as error:
            self._failed("the sink could not be started", error)
        except LlmObsError:
            raise
        except Exception as error:  # a stranger's code; its store may only be away
            self._failed("the sink could not be started", error)

    async def reach(self) -> None:
        """Waits until the store is reached."""
        while not self._open and not self._stopping:
            await self._clock.sleep(self._settings.retry_initial_s)
            try:
                await self._start_sink()
            except Exception as error:  # as in `_run`
                self._failed("the sink could not be started", error)

    def start(self) -> None:
        """Begins to feed."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Writes what the log still holds, within `drain_s` and only to a sink that does not fail, and closes."""
        self._stopping = True
        if self._intake is not None:
            self._intake.end()
        if self._task is not None:
            if not self._failing and not self._delivery.trouble:
                await asyncio.wait([self._task], timeout=self._settings.drain_s)
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._close_sink()

    async def counts(self) -> SinkCounts:
        """The ledger now."""
        if self._accepted is None:
            return self._ledger.counts(0, 0, 0)
        lag = await self._accepted.lag(self._covered)
        undecided = min(lag, await self._accepted.lag(self._derived_to()))
        return self._ledger.counts(self._log.stats.appended_items, lag, undecided)

    async def status(self) -> SinkStatus:
        """How it fares now."""
        trouble = self._failing or self._delivery.trouble
        running = "failing" if trouble else "running"
        oldest_ns = self._under_way[0] if self._under_way else None
        lag = 0 if self._accepted is None else await self._accepted.lag(self._covered)
        return SinkStatus(
            state="stopped" if self._stopping else running if self._open else "starting",
            breaker=self._delivery.breaker.state,
            position=str(self._position) if self._position else None,
            queued=lag - self._ledger.pending.total,
            behind_s=max(0.0, (time.time_ns() - oldest_ns) / 1e9) if oldest_ns is not None else 0.0,
            trouble=trouble,
        )

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                if not self._open:
                    await self._start_sink()
                await self._feed()
            except Exception as error:  # the worker lives as long as the process
                failures = failures + 1 if self._failing else 1
                self._failed("the worker starts again", error)
                asked_s = error.retry_after_s if isinstance(error, RetryableError) else None
                await self._clock.sleep(backoff_s(failures, self._settings, asked_s))
                await self._close_sink()
            else:
                return

    async def _start_sink(self) -> None:
        assert self._accepted is not None
        assert self._derived is not None
        held = await within(
            self._settings.timeout_s, self._sink.start(), "an open store", self.name, partial(self._failed, HANGS)
        )
        if held is not None and held.writer != self._writer:
            held = None
        known = self._covered
        if held is None or held.stream is Stream.ACCEPTED:
            # An older version's cursor, or one that was on disk before that of the derived stream.
            self._held_before = held or await self._accepted.committed()
            await self._go_to(await self._derived.committed())
            if held is not None:
                await self._accepted.follow(held)
        else:
            self._held_before = None
            await self._derived.follow(held)
            await self._go_to(held)
            await self._derived.commit(held)  # the process may have ended between the write and its commit
        # both at the same moment: records may have come since the store was asked
        self._ledger.moved(await self._accepted.lag(known) - await self._accepted.lag(self._covered))
        self._open = True
        self._failing = ""

    async def _go_to(self, position: Position | None) -> None:
        """Goes on after a derived Position; finds which accepted record that is."""
        assert self._accepted is not None
        assert self._derived is not None
        newest = await self._derived.newest()  # before what comes, which may be appended at any time
        coming = await self._derived.peek(position)
        if position is None and newest is not None:
            position, coming = await self._first_whole(newest.position)
        self._position = position
        if coming is not None and coming.record.covers is not None:
            covered = coming.record.covers.after
        else:
            covers = None if newest is None else newest.record.covers
            covered = None if covers is None else covers.last
        old = self._held_before
        self._covered = old if old is not None and (covered is None or covered < old) else covered

    async def _first_whole(self, newest: Position) -> tuple[Position | None, StoredRecord | None]:
        """For a sink that is new to the log: after which derived Position the accepted records are all there.

        Args:
            newest: How far it is looked.
        """
        assert self._accepted is not None
        assert self._derived is not None
        oldest = await self._accepted.peek(None)
        position: Position | None = None
        reader = RangeReader(self._derived)
        try:
            async for item in reader.each(None, newest):
                covers = item.record.covers
                if covers is None or (oldest is not None and oldest.position <= covers.first):
                    return position, item
                position = item.position
        finally:
            await reader.close()
        return position, None

    async def _close_sink(self) -> None:
        self._open = False
        try:
            await within(
                self._settings.timeout_s, self._sink.stop(), "a closed store", self.name, partial(self._failed, HANGS)
            )
        except Exception as error:  # it is started again, or the others must be stopped too
            self._failed("the sink could not be stopped", error)

    async def _feed(self) -> None:
        assert self._accepted is not None
        assert self._derived is not None
        limits = self._sink.limits
        intake = self._intake = Intake(
            self._derived,
            self._position,
            IntakeLimits(limits.max_items, limits.max_bytes, limits.flush_interval_s),
            self._clock,
            ends_batch,
        )
        if self._stopping:
            intake.end()
        reader = RangeReader(self._accepted)
        writing: asyncio.Task[None] | None = None
        try:
            while units := await intake.take():
                self._under_way.append(units[0].records[0].record.received_ns)
                prepared = await self._prepared(units, reader)
                if writing is not None:
                    await writing
                writing = asyncio.get_running_loop().create_task(self._bring(prepared, units[-1]))
                intake.watch(writing)
            if writing is not None:
                await writing
        except asyncio.CancelledError:
            if writing is not None:
                writing.cancel()
                await asyncio.wait([writing])
            raise
        except Exception:
            if writing is not None:  # a sink is never given two writes at once
                await ended(writing)
            raise
        finally:
            await reader.close()
            await intake.close()
            self._under_way.clear()

    async def _prepared(self, units: list[Unit], reader: RangeReader) -> Prepared | None:
        """What the sink is brought of some batches: None when it holds all of it from before."""
        batches = []
        for unit in units:
            batch = batch_of(unit)
            if self._held_before is not None and batch.covers.last <= self._held_before:
                continue
            opened = self._cache.get(batch.covers.last)
            if opened is None:
                records = await reader.read(batch.covers.after, batch.covers.last)
                opened = await asyncio.to_thread(self._opened, records)
            batches.append(batch._replace(opened=opened))
        return await asyncio.to_thread(self._work, batches) if batches else None

    def _opened(self, records: list[StoredRecord]) -> list[Opened]:
        return list(open_records(records, self._records))

    def _work(self, batches: list[Batch]) -> Prepared:
        return self._delivery.prepare(load(self.name, batches, self._sink.limits, self._records))

    async def _bring(self, prepared: Prepared | None, last: Unit) -> None:
        assert self._accepted is not None
        assert self._derived is not None
        end = batch_of(last)
        if prepared is not None:
            await self._delivery.bring(prepared)
            passed = await self._accepted.lag(self._covered) - await self._accepted.lag(end.covers.last)
            self._ledger.settle(lost=passed - prepared[0].items)
        if self._covered is None or self._covered < end.covers.last:
            self._covered = end.covers.last
        self._position = end.last
        await self._derived.commit(end.last)
        await self._accepted.commit(self._covered)
        self._passed()
        self._under_way.popleft()
        self._failing = ""

    def _failed(self, what: str, error: Exception) -> None:
        trouble = str(error) or repr(error)
        if trouble != self._failing:
            self._say.warning(what, error=trouble, exc_info=None if isinstance(error, LlmObsError) else error)
        self._failing = trouble


def _check_kinds(name: str, limits: SinkLimits) -> None:
    known = set(PayloadKind)
    unknown = sorted(str(kind) for kind in limits.kinds if kind not in known)
    if unknown or not limits.kinds:
        raise ConfigError(
            f"a sink that takes kinds out of: {', '.join(PayloadKind)}",
            got=", ".join(unknown) or "none",
            where=f"sinks.{name}",
            fix="install the version of the plugin that fits this llm-obs",
        )
    if PayloadKind.CONTENTS in limits.kinds and PayloadKind.SPANS not in limits.kinds:
        raise ConfigError(
            "a sink that takes spans where it takes contents",
            got=", ".join(sorted(limits.kinds)),
            where=f"sinks.{name}",
            fix="let the plugin's limits name `spans` too",
        )
