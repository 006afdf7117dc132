"""The log: what is acknowledged is here, until every sink has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec

from llm_obs_core.model import LogRecord, Position

__all__ = ["Appended", "Log", "StoredRecord"]


class Appended(msgspec.Struct, frozen=True):
    """Where a record is; `duplicate` when an equal one had been there already."""

    position: Position
    duplicate: bool = False


class StoredRecord(msgspec.Struct, frozen=True):
    """A record as it is read back."""

    position: Position
    record: LogRecord


class Log(Protocol):
    """An append-only sequence of records per writer and partition.

    Order of calls: `start`, then anything, then `stop`. Reading is sequential, so that a streaming engine can stand in.
    """

    async def start(self) -> None:
        """Opens or recovers it. Raises StoreError when another process has it or it cannot be written."""

    async def append(self, record: LogRecord) -> Appended:
        """Returns when the record is on disk (after an fsync that covers it).

        Raises:
            RetryableError: It could not be made durable; the record must not be acknowledged.
        """

    def read(self, reader: str, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Durable records after a Position, oldest first, waiting for new ones; from the start when None."""

    def commit(self, reader: str, position: Position) -> None:
        """Says that `reader` needs nothing up to `position`; kept on disk, may lag behind."""

    def register(self, reader: str, held: Position | None = None) -> Position | None:
        """Names a reader: nothing is trimmed that it has not committed.

        Args:
            reader: Its name.
            held: What the reader's store says it holds. Records appended from now on stand behind it, even where the
                log's own files are gone: a store must not take new records for old ones.

        Returns:
            The last Position that the reader has committed, None when there is none.
        """

    def backlog(self, after: Position | None) -> int:
        """How many items (spans, for records of spans) the durable records after a Position hold."""

    @property
    def logged(self) -> int:
        """Items of the records appended since the log was opened."""

    async def trim(self) -> int:
        """Deletes what every registered reader has committed; returns the bytes freed."""

    async def stop(self) -> None:
        """Makes everything appended durable and closes. May be called twice."""
