"""One sink's worker: reads the log at the sink's own pace, writes, and only then moves the cursor."""

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
from llm_obs_core.errors import LlmObsError, RetryableError
from llm_obs_core.interfaces import Log, Sink, StoredRecord
from llm_obs_core.model import Position

from llm_obs_collector.sinks.deadline import within
from llm_obs_collector.sinks.delivery import Delivery, WriteObserver
from llm_obs_collector.sinks.intake import Intake
from llm_obs_collector.sinks.ledger import SinkCounts, SinkLedger
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.parts import Load, load
from llm_obs_collector.sinks.timing import Clock, backoff_s

__all__ = ["SinkStatus", "SinkWorker"]

HANGS: Final = "the sink hangs"


class SinkStatus(msgspec.Struct, frozen=True):
    """How a sink fares.

    Attributes:
        state: `starting`, `running`, `failing` or `stopped`.
        breaker: `closed`, `half_open` or `open`.
        position: What it holds for good, or None.
        queued: Spans in the log that it does not hold yet.
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
        settings: `[sinks.<name>.worker]`.
        letters: What the sink refuses is kept here.
        key_of: A tenant's key for the digests of contents.
        clock: For waits.
        observe: Told of each write.
    """

    def __init__(
        self,
        name: str,
        writer: str,
        sink: Sink,
        log: Log,
        settings: Worker,
        letters: DeadLetters,
        *,
        key_of: Callable[[str], bytes],
        clock: Clock = Clock(),  # noqa: B008 - immutable
        observe: WriteObserver = lambda *_: None,
    ) -> None:
        self.name = name
        self.letters = letters
        self._writer = writer
        self._sink = sink
        self._log = log
        self._settings = settings
        self._clock = clock
        self._ledger = SinkLedger()
        self._delivery = Delivery(sink, settings, letters, self._ledger, key_of, clock, observe)
        self._say = structlog.get_logger("llm_obs.sink").bind(sink=name)
        self._position: Position | None = None
        self._open = False
        self._failing = ""
        self._stopping = False
        self._intake: Intake | None = None
        self._task: asyncio.Task[None] | None = None
        self._under_way: deque[int] = deque()

    async def open(self) -> None:
        """Registers with the log and tries to start the sink once.

        Raises:
            LlmObsError: The sink cannot be used as it is configured; a RetryableError or any other failure is tried
                again once the worker runs.
        """
        self._position = self._log.register(self.name)
        self._ledger.recovered = self._log.backlog(self._position) - self._log.logged
        try:
            await self._start_sink()
        except RetryableError as error:
            self._failed("the sink could not be started", error)
        except LlmObsError:
            raise
        except Exception as error:  # a stranger's code; its store may only be away
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

    def counts(self) -> SinkCounts:
        """The ledger now."""
        return self._ledger.counts(self._log.logged, self._log.backlog(self._position))

    def status(self) -> SinkStatus:
        """How it fares now."""
        trouble = self._failing or self._delivery.trouble
        running = "failing" if trouble else "running"
        oldest_ns = self._under_way[0] if self._under_way else None
        return SinkStatus(
            state="stopped" if self._stopping else running if self._open else "starting",
            breaker=self._delivery.breaker.state,
            position=str(self._position) if self._position else None,
            queued=self.counts().queued,
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
        held = await within(
            self._settings.timeout_s, self._sink.start(), "an open store", self.name, partial(self._failed, HANGS)
        )
        if held is not None and held.writer != self._writer:
            held = None
        cursor = self._log.register(self.name, held)
        self._ledger.moved(self._log.backlog(self._position) - self._log.backlog(held or cursor))
        self._position = held or cursor
        self._open = True
        self._failing = ""

    async def _close_sink(self) -> None:
        self._open = False
        try:
            await within(
                self._settings.timeout_s, self._sink.stop(), "a closed store", self.name, partial(self._failed, HANGS)
            )
        except Exception as error:  # it is started again, or the others must be stopped too
            self._failed("the sink could not be stopped", error)

    async def _feed(self) -> None:
        intake = self._intake = Intake(self._log, self.name, self._position, self._sink.limits, self._clock)
        if self._stopping:
            intake.end()
        writing: asyncio.Task[None] | None = None
        try:
            while records := await intake.take():
                self._under_way.append(records[0].record.received_ns)
                found = await asyncio.to_thread(load, self.name, records, self._sink.limits)
                if writing is not None:
                    await writing
                writing = asyncio.get_running_loop().create_task(self._bring(found, _items(records)))
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
                await asyncio.wait([writing])
            raise
        finally:
            await intake.close()
            self._under_way.clear()

    async def _bring(self, found: Load, items: int) -> None:
        await self._delivery.bring(found)
        passed = self._log.backlog(self._position) - self._log.backlog(found.last)
        self._ledger.settle(lost=passed - items)
        self._position = found.last
        self._log.commit(self.name, found.last)
        self._under_way.popleft()
        self._failing = ""

    def _failed(self, what: str, error: Exception) -> None:
        trouble = str(error) or repr(error)
        if trouble != self._failing:
            self._say.warning(what, error=trouble, exc_info=None if isinstance(error, LlmObsError) else error)
        self._failing = trouble


def _items(records: list[StoredRecord]) -> int:
    return sum(item.record.accepted for item in records)
