"""Records on their way from a feed to whoever works on them: read ahead a little, taken a load at a time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from llm_obs_core.interfaces import Feed, StoredRecord
from llm_obs_core.model import LogRecord, Position

from llm_obs_collector.log.tail import OBJECT_BYTES
from llm_obs_collector.timing import Clock

__all__ = ["Intake", "IntakeLimits", "Unit", "Weight", "each_record"]

READ_AHEAD_BYTES: Final = 8 * 1024 * 1024
"""Memory of what is read and not taken yet."""


class Weight(NamedTuple):
    """What a unit counts as: items, bytes."""

    items: int
    nbytes: int


class Unit(NamedTuple):
    """Neighbouring records that are never taken apart."""

    records: list[StoredRecord]
    weight: Weight


class IntakeLimits(NamedTuple):
    """How much is taken at once, and how long a record may wait for more, seconds."""

    max_items: int
    max_bytes: int
    flush_interval_s: float


def each_record(record: LogRecord) -> Weight | None:
    """Every record is a unit."""
    return Weight(record.accepted, len(record.payload))


class Intake:
    """Reads a feed after a Position.

    Args:
        feed: What is read.
        after: Where to begin.
        limits: The size of a load.
        clock: For waits.
        closes: The weight of the unit that a record ends; None when it ends none.
    """

    def __init__(
        self,
        feed: Feed,
        after: Position | None,
        limits: IntakeLimits,
        clock: Clock,
        closes: Callable[[LogRecord], Weight | None] = each_record,
    ) -> None:
        self._feed = feed
        self._limits = limits
        self._clock = clock
        self._closes = closes
        self._waiting: deque[Unit] = deque()
        self._bytes = 0
        self._read = after
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False
        self._pump = asyncio.get_running_loop().create_task(self._run())
        self._broken: BaseException | None = None
        self.watch(self._pump)

    async def take(self) -> list[Unit]:
        """The units of the next load: as many as fit, or as came within the flush interval.

        Returns:
            At least one unit, which alone may be larger than the limits; none when the intake is ending and the feed
            holds no more.
        """
        taken: list[Unit] = []
        items = nbytes = 0
        timer: asyncio.Task[None] | None = None
        try:
            while True:
                while self._waiting:
                    head = self._waiting[0]
                    items += head.weight.items
                    nbytes += head.weight.nbytes
                    if taken and (items > self._limits.max_items or nbytes > self._limits.max_bytes):
                        return taken
                    taken.append(self._waiting.popleft())
                    self._bytes -= _memory(head)
                    self._room.set()
                if self._broken is not None:
                    raise self._broken
                if self._ending and (taken or await self._feed.peek(self._read) is None):
                    if not self._waiting:  # nothing came while the feed was looked at
                        return taken
                    continue
                if taken and timer is None:
                    timer = asyncio.get_running_loop().create_task(self._sleep(self._limits.flush_interval_s))
                    timer.add_done_callback(lambda _: self._changed.set())
                elif timer is not None and timer.done():
                    return taken
                self._changed.clear()
                await self._changed.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Raises a task's failure out of `take`, which may be waiting for a record."""
        task.add_done_callback(self._ended)

    def end(self) -> None:
        """Waits for nothing any more: what the feed holds is still given out."""
        self._ending = True
        self._changed.set()

    async def close(self) -> None:
        """Stops reading."""
        self._pump.cancel()
        await asyncio.wait([self._pump])

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _run(self) -> None:
        stream = self._feed.read(self._read)
        records: list[StoredRecord] = []
        try:
            async for item in stream:
                records.append(item)
                weight = self._closes(item.record)
                if weight is None:
                    continue
                self._read = item.position
                unit = Unit(records, weight)
                records = []
                self._waiting.append(unit)
                self._bytes += _memory(unit)
                self._changed.set()
                while self._bytes > READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()


def _memory(unit: Unit) -> int:
    return sum(len(item.record.payload) + OBJECT_BYTES for item in unit.records)
