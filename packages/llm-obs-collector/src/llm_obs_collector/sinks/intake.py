"""Records on their way from the log to one sink: read ahead a little, taken a write's worth at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from llm_obs_core.interfaces import Log, SinkLimits, StoredRecord
from llm_obs_core.model import Position

from llm_obs_collector.sinks.timing import Clock

__all__ = ["Intake"]

READ_AHEAD_BYTES = 8 * 1024 * 1024


class Intake:
    """Reads the log behind a Position.

    Args:
        log: The log.
        reader: The sink's name as a reader.
        after: Where to begin.
        limits: The size of a write and how long a record may wait for it.
        clock: For that wait.
    """

    def __init__(self, log: Log, reader: str, after: Position | None, limits: SinkLimits, clock: Clock) -> None:
        self._log = log
        self._reader = reader
        self._limits = limits
        self._clock = clock
        self._waiting: deque[StoredRecord] = deque()
        self._bytes = 0
        self._read = after
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._ending = False
        self._pump = asyncio.get_running_loop().create_task(self._run())
        self._broken: BaseException | None = None
        self.watch(self._pump)

    async def take(self) -> list[StoredRecord]:
        """The records of the next write: as many as fit, or as came within the flush interval.

        Returns:
            At least one record, which alone may be larger than the limits; none when the intake is ending and the log
            holds no more.
        """
        taken: list[StoredRecord] = []
        items = nbytes = 0
        timer: asyncio.Task[None] | None = None
        try:
            while True:
                while self._waiting:
                    head = self._waiting[0].record
                    items += head.accepted
                    nbytes += len(head.payload)
                    if taken and (items > self._limits.max_spans or nbytes > self._limits.max_bytes):
                        return taken
                    taken.append(self._waiting.popleft())
                    self._bytes -= len(head.payload)
                    self._room.set()
                if self._broken is not None:
                    raise self._broken
                if self._ending and (taken or not self._log.backlog(self._read)):
                    return taken
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

    def watch(self, task: asyncio.Task[None]) -> None:
        """Raises a task's failure out of `take`, which may be waiting for a record."""
        task.add_done_callback(self._ended)

    def end(self) -> None:
        """Waits for nothing any more: what the log holds is still given out."""
        self._ending = True
        self._changed.set()

    async def close(self) -> None:
        """Stops reading."""
        self._pump.cancel()
        await asyncio.wait([self._pump])

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error
            self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    async def _run(self) -> None:
        stream = self._log.read(self._reader, self._read)
        try:
            async for item in stream:
                self._waiting.append(item)
                self._bytes += len(item.record.payload)
                self._read = item.position
                self._changed.set()
                while self._bytes > READ_AHEAD_BYTES:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if (close := getattr(stream, "aclose", None)) is not None:
                await close()
