"""The log: what is acknowledged is here, until every reader has it. `docs/explanation/logs.md` has other engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
from msgspec import UNSET, UnsetType

from llm_obs_core.model import LogRecord, Position, Stream

__all__ = ["Appended", "Feed", "Log", "LogStats", "LogWriter", "StoredRecord"]


class Appended(msgspec.Struct, frozen=True):
    """Where a record is; `duplicate` when an equal one had been there already."""

    position: Position
    duplicate: bool = False


class StoredRecord(msgspec.Struct, frozen=True):
    """A record as it is read back."""

    position: Position
    record: LogRecord


class LogStats(msgspec.Struct):
    """What a log has done since it was opened, for metrics and the ledger.

    Attributes:
        appended_items: Items of the accepted records appended.
        appended_bytes: Bytes of all records appended.
        commits: Group commits: one sync each.
        commit_seconds: Time spent in them, seconds.
        corrupt_records: Places whose checksum was wrong.
        size_bytes: Bytes that the log takes now; None when it cannot say.
    """

    appended_items: int = 0
    appended_bytes: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    corrupt_records: int = 0
    size_bytes: int | None = None


class LogWriter(Protocol):
    """Appends to one stream."""

    async def append(
        self, records: Sequence[LogRecord], *, expect: Position | UnsetType | None = UNSET
    ) -> Sequence[Appended]:
        """Appends records, all or none, and returns when they are durable.

        Args:
            records: At least one, of one partition. Those whose (tenant, digest, slice) is known are not appended
                again; a digest of zeros is never known.
            expect: The last Position of the stream and partition, None when it has none: what is appended was made
                from what the log held then. Unset: whatever is there.

        Returns:
            One Position a record, ascending; that of a known one is where it was found.

        Raises:
            FencedError: `expect` is not the last Position; nothing was appended.
            RetryableError: They could not be made durable, or the stream is at its quota; they must not be
                acknowledged.
        """


class Feed(Protocol):
    """One reader's way through one stream of one partition. Reading is sequential; nothing is read twice unasked."""

    def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Durable records after a Position, oldest first, waiting for new ones; from the start when None."""

    async def peek(self, after: Position | None) -> StoredRecord | None:
        """The first durable record after a Position, None when there is none now."""

    async def newest(self) -> StoredRecord | None:
        """The last durable record of the stream, None when it holds none."""

    async def committed(self) -> Position | None:
        """The last Position that the reader has committed, None when there is none."""

    async def commit(self, position: Position) -> None:
        """Says that the reader needs nothing up to `position`: it may be trimmed. Kept on disk, a little later."""

    async def follow(self, held: Position) -> None:
        """Says what the reader's store holds for good, which may be newer than anything the log has.

        Records appended from now on compare greater: a store must not take new records for old ones.

        Raises:
            StoreError: The log cannot promise that; it names the repair.
        """

    async def lag(self, after: Position | None) -> int:
        """How many items the durable records after a Position hold."""


class Log(Protocol):
    """Append-only sequences of records, by writer, partition and stream.

    Order of calls: `start`, then anything, then `stop`.
    """

    async def start(self) -> None:
        """Opens or recovers it. Raises StoreError when another process has it or it cannot be written."""

    def writer(self, stream: Stream) -> LogWriter:
        """The way into a stream."""

    def feed(self, stream: Stream, reader: str) -> Feed:
        """The way out of a stream; from now on nothing is trimmed that `reader` has not committed.

        An empty name holds nothing back and commits nothing.
        """

    async def trim(self) -> int:
        """Deletes what every reader of a stream has committed; returns the bytes freed.

        The newest record of a stream stays: it says how far what is derived goes.
        """

    async def trouble(self) -> str:
        """Why nothing can be accepted at this moment; empty when it can."""

    @property
    def stats(self) -> LogStats:
        """What it has done since it was opened."""

    async def stop(self) -> None:
        """Makes everything appended durable and closes. May be called twice."""
