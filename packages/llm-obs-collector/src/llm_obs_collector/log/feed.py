"""One reader's way through a stream of the file log."""

from __future__ import annotations

from collections.abc import AsyncIterator

from llm_obs_core.interfaces import StoredRecord
from llm_obs_core.model import Position

from llm_obs_collector.log.stream import FileStream

__all__ = ["FileFeed"]


class FileFeed:
    """Implements `llm_obs_core.interfaces.Feed`.

    Args:
        stream: What is read.
        reader: Its name; empty: it holds nothing back.
    """

    def __init__(self, stream: FileStream, reader: str) -> None:
        self._stream = stream
        self._reader = reader

    def register(self) -> None:
        """Holds back what it has not committed."""
        if self._reader:
            self._stream.cursors.register(self._reader)

    def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        """See `Feed.read`."""
        return self._stream.read(after)

    async def peek(self, after: Position | None) -> StoredRecord | None:
        """See `Feed.peek`."""
        return await self._stream.peek(after)

    async def newest(self) -> StoredRecord | None:
        """See `Feed.newest`."""
        return await self._stream.newest()

    async def committed(self) -> Position | None:
        """See `Feed.committed`."""
        sequence = self._stream.cursors.register(self._reader) if self._reader else 0
        return self._stream.position(sequence) if sequence else None

    async def commit(self, position: Position) -> None:
        """See `Feed.commit`; on disk about once a second and at the stop."""
        if self._reader:
            self._stream.commit(self._reader, position)

    async def follow(self, held: Position) -> None:
        """See `Feed.follow`: the next Positions are greater."""
        self._stream.follow(held)

    async def lag(self, after: Position | None) -> int:
        """See `Feed.lag`."""
        return self._stream.lag(after)
