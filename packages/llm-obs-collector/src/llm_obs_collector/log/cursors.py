"""Where each reader of the log is: known at once, on disk about once a second, written off the event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from llm_obs_collector.log.directory import StreamDirectory

__all__ = ["Cursors"]

INTERVAL_S = 1.0


class Cursors:
    """The last sequence that each reader has committed.

    Args:
        directory: Where they are kept, a file each.
    """

    def __init__(self, directory: StreamDirectory) -> None:
        self._directory = directory
        self._sequences: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._log = structlog.get_logger("llm_obs.log")

    def __len__(self) -> int:
        """Readers that are registered."""
        return len(self._sequences)

    def register(self, reader: str) -> int:
        """Names a reader; its sequence from before holds on, 0 when there is none."""
        if reader not in self._sequences:
            self._sequences[reader] = self._written[reader] = self._directory.read_cursor(reader)
            with suppress(OSError):  # the first write tries again, and is told of
                self._directory.make_cursor(reader)
        return self._sequences[reader]

    def commit(self, reader: str, sequence: int) -> None:
        """Moves a reader forwards."""
        self._sequences[reader] = max(self._sequences.get(reader, 0), sequence)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._due)

    def slowest(self) -> int:
        """What every reader has committed; 0 when there is no reader."""
        return min(self._sequences.values(), default=0)

    async def write(self) -> None:
        """Makes every cursor durable.

        Raises:
            OSError: The disk refuses.
        """
        async with self._turn:
            due = {name: sequence for name, sequence in self._sequences.items() if self._written.get(name) != sequence}
            for name, sequence in due.items():
                await asyncio.to_thread(self._directory.write_cursor, name, sequence)
                self._written[name] = sequence

    async def close(self) -> None:
        """Writes them a last time; a disk that refuses costs a resend to the sinks, nothing else."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            await self._writing
        await self._try()

    def _due(self) -> None:
        self._timer = None
        self._writing = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        try:
            await self.write()
        except OSError as error:
            self._log.warning("cursors could not be written", error=str(error))
