"""Reading the accepted records that a derived batch covers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from llm_obs_core.interfaces import Feed, StoredRecord
from llm_obs_core.model import Position

__all__ = ["RangeReader"]

PATIENCE_S: Final = 1.0
"""A durable record comes sooner; after so long it is looked whether the rest of the range is there at all."""


class RangeReader:
    """Reads ranges of a feed; neighbouring ranges are read in one go.

    Args:
        feed: What is read.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._stream: AsyncIterator[StoredRecord] | None = None
        self._at: Position | None = None
        self._ahead: StoredRecord | None = None

    async def read(self, after: Position | None, last: Position) -> list[StoredRecord]:
        """The durable records after a Position up to another one; those that are damaged are missing."""
        return [item async for item in self.each(after, last)]

    async def each(self, after: Position | None, last: Position) -> AsyncIterator[StoredRecord]:
        """The same, one by one."""
        if self._stream is None or self._at != after:
            await self.close()
            self._stream = self._feed.read(after)
        self._at = after
        while self._at is None or self._at < last:
            item = self._ahead or await self._next()
            if item is None or item.position > last:
                self._ahead = item
                break
            self._ahead = None
            self._at = item.position
            yield item
        self._at = last

    async def close(self) -> None:
        """Lets the feed go. May be called twice."""
        stream, self._stream, self._ahead = self._stream, None, None
        if stream is not None and (close := getattr(stream, "aclose", None)) is not None:
            await close()

    async def _next(self) -> StoredRecord | None:
        """The next record, None when there is none any more."""
        assert self._stream is not None
        coming = asyncio.ensure_future(anext(self._stream))
        try:
            while not (await asyncio.wait([coming], timeout=PATIENCE_S))[0]:
                newest = await self._feed.newest()
                if newest is None or (self._at is not None and newest.position <= self._at):
                    coming.cancel()
                    await asyncio.wait([coming])
                    self._stream = None  # it ended with the wait
                    return None
            return coming.result()
        except BaseException:  # cancelled, or the feed cannot be read: nobody waits for the record any more
            coming.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([coming])
            self._stream = None
            raise
