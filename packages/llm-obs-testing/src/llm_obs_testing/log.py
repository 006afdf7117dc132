"""A log in memory: what a stage needs of a log, without a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import Appended, StoredRecord
from llm_obs_core.model import LogRecord, Position

__all__ = ["MemoryLog"]


class MemoryLog:
    """A `Log` that lives as long as its object; starting again finds what was appended.

    Args:
        writer: The `writer` of its Positions.
    """

    def __init__(self, writer: str = "local") -> None:
        self._writer = writer
        self._records: list[StoredRecord] = []
        self._known: dict[tuple[str, bytes], Position] = {}
        self._readers: dict[str, int] = {}
        self._last = 0
        self._logged = 0
        self._open = False
        self._grown = asyncio.Event()

    async def start(self) -> None:
        """Begins to accept."""
        self._open = True
        self._logged = 0

    async def append(self, record: LogRecord) -> Appended:
        """Keeps a record; one with the tenant and digest of an earlier one is a duplicate of it."""
        if not self._open:
            raise StoreError("a log that is open", got="one that is not started or stopped", where="log")
        key = (record.tenant, record.digest)
        if (known := self._known.get(key)) is not None:
            return Appended(known, duplicate=True)
        self._last += 1
        position = self._known[key] = Position(self._writer, 0, self._last)
        self._records.append(StoredRecord(position, record))
        self._logged += record.accepted
        self._grown.set()
        self._grown = asyncio.Event()
        return Appended(position)

    async def read(self, reader: str, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Records after a Position, oldest first, waiting for new ones."""
        sequence = 0 if after is None else after.sequence
        while True:
            grown = self._grown
            for item in [item for item in self._records if item.position.sequence > sequence]:
                sequence = item.position.sequence
                yield item
            if grown is self._grown:
                await grown.wait()

    def commit(self, reader: str, position: Position) -> None:
        """Says that `reader` needs nothing up to `position`."""
        self._readers[reader] = max(self._readers.get(reader, 0), position.sequence)

    def register(self, reader: str, held: Position | None = None) -> Position | None:
        """Names a reader; new records stand behind what its store says it holds."""
        if held is not None:
            self._last = max(self._last, held.sequence)
        committed = self._readers.setdefault(reader, 0)
        return Position(self._writer, 0, committed) if committed else None

    def backlog(self, after: Position | None) -> int:
        """Items of the records after a Position."""
        sequence = 0 if after is None else after.sequence
        return sum(item.record.accepted for item in self._records if item.position.sequence > sequence)

    @property
    def logged(self) -> int:
        """Items of the records appended since the log was started."""
        return self._logged

    async def trim(self) -> int:
        """Forgets what every registered reader has committed; returns the bytes of its payloads."""
        done = min(self._readers.values(), default=0)
        gone = [item for item in self._records if item.position.sequence <= done]
        self._records = self._records[len(gone) :]
        return sum(len(item.record.payload) for item in gone)

    async def stop(self) -> None:
        """Accepts nothing more. May be called twice."""
        self._open = False
