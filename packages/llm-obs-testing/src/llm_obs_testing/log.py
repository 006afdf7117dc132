"""A log in memory, by the contract: two streams, without a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from llm_obs_core.errors import FencedError, RetryableError, StoreError
from llm_obs_core.interfaces import Appended, Host, LogStats, StoredRecord
from llm_obs_core.model import LogRecord, Position, Stream
from msgspec import UNSET, UnsetType

from llm_obs_testing.config import MemoryLogOptions

__all__ = ["MemoryFeed", "MemoryLog", "MemoryLogWriter", "make"]

_NO_DIGEST: Final = bytes(16)

Key = tuple[str, bytes, int]
"""Tenant, digest and slice: by which a record is recognised."""


def make(options: MemoryLogOptions, host: Host) -> MemoryLog:
    """The factory that `plugin.py` names."""
    return MemoryLog(host.writer, max_items=options.max_items, max_bytes=options.max_bytes)


class _Sequence:
    """The records of one stream, and where its readers are."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.last = 0
        self.readers: dict[str, int] = {}
        self.known: dict[Key, Position] = {}
        self.grown = asyncio.Event()

    def after(self, position: Position | None) -> list[StoredRecord]:
        sequence = 0 if position is None else position.sequence
        return [item for item in self.records if item.position.sequence > sequence]

    def tell(self) -> None:
        self.grown.set()
        self.grown = asyncio.Event()


class MemoryLog:
    """A `Log` that lives as long as its object; starting again finds what was appended.

    Args:
        writer: The `writer` of its Positions.
        max_items: Quota of `accepted`, in items; none when None. Records with a target are taken beyond it.
        max_bytes: The same in bytes of payload.
    """

    def __init__(self, writer: str = "local", *, max_items: int | None = None, max_bytes: int | None = None) -> None:
        self._name = writer
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._streams = {stream: _Sequence() for stream in Stream}
        self._stats = LogStats()
        self._open = False

    async def start(self) -> None:
        """Begins to accept."""
        self._open = True
        self._stats = LogStats()

    def writer(self, stream: Stream) -> MemoryLogWriter:
        """The way into a stream."""
        return MemoryLogWriter(self, stream)

    def feed(self, stream: Stream, reader: str) -> MemoryFeed:
        """The way out of a stream, for a reader by its name."""
        sequence = self._streams[stream]
        if reader:
            sequence.readers.setdefault(reader, 0)
        return MemoryFeed(self._name, stream, sequence, reader)

    async def trim(self) -> int:
        """Forgets what every reader of a stream has committed, but for its newest record; returns the payloads' bytes.

        The newest record stays: it says where the stream is.
        """
        freed = 0
        for sequence in self._streams.values():
            done = min(sequence.readers.values(), default=0)
            gone = [item for item in sequence.records[:-1] if item.position.sequence <= done]
            del sequence.records[: len(gone)]
            freed += sum(len(item.record.payload) for item in gone)
        return freed

    async def trouble(self) -> str:
        """Whether it is open and `accepted` below its quota."""
        if not self._open:
            return "the log is not open"
        items, size = self._taken()
        full = (self._max_items is not None and items >= self._max_items) or (
            self._max_bytes is not None and size >= self._max_bytes
        )
        return "the log in memory is at its quota: see which reader is behind" if full else ""

    @property
    def stats(self) -> LogStats:
        """What it has done since it was opened."""
        held = (item for sequence in self._streams.values() for item in sequence.records)
        self._stats.size_bytes = sum(len(item.record.payload) for item in held)
        return self._stats

    async def stop(self) -> None:
        """Accepts nothing more. May be called twice."""
        self._open = False

    def append(
        self, stream: Stream, records: Sequence[LogRecord], expect: Position | UnsetType | None
    ) -> list[Appended]:
        """What `MemoryLogWriter` does, without a pause in it: all or none."""
        if not self._open:
            raise StoreError("a log that is open", got="one that is not started or stopped", where="log")
        if not records or any(record.partition for record in records):
            raise StoreError(
                "at least one record, all of partition 0",
                got=f"{len(records)} of partitions {sorted({record.partition for record in records})}",
                where="log",
            )
        sequence = self._streams[stream]
        last = sequence.records[-1].position if sequence.records else None
        if expect is not UNSET and expect != last:
            raise FencedError(
                f"{stream} to end at {expect}", got=str(last), where="log",
                fix="start again: another process has appended since",
            )  # fmt: skip
        if stream is Stream.ACCEPTED:
            self._check_room([record for record in records if not record.target and not _known(sequence, record)])
        appended = [self._put(stream, sequence, record) for record in records]
        self._stats.commits += 1
        sequence.tell()
        return appended

    def _put(self, stream: Stream, sequence: _Sequence, record: LogRecord) -> Appended:
        if (known := _known(sequence, record)) is not None:
            return Appended(known, duplicate=True)
        sequence.last += 1
        position = Position(self._name, 0, sequence.last, stream)
        if record.digest != _NO_DIGEST:
            sequence.known[_key(record)] = position
        sequence.records.append(StoredRecord(position, record))
        self._stats.appended_bytes += len(record.payload)
        if stream is Stream.ACCEPTED:
            self._stats.appended_items += record.accepted
        return Appended(position)

    def _taken(self) -> tuple[int, int]:
        """Items and bytes that count against the quota."""
        held = [item.record for item in self._streams[Stream.ACCEPTED].records if not item.record.target]
        return sum(record.accepted for record in held), sum(len(record.payload) for record in held)

    def _check_room(self, new: Sequence[LogRecord]) -> None:
        if not new:
            return
        items, size = self._taken()
        items += sum(record.accepted for record in new)
        size += sum(len(record.payload) for record in new)
        if (self._max_items is not None and items > self._max_items) or (
            self._max_bytes is not None and size > self._max_bytes
        ):
            raise RetryableError(
                "room in the log in memory", got="a full one", where="log.options",
                fix="see which reader is behind, or raise the limit", retry_after_s=1.0,
            )  # fmt: skip


class MemoryLogWriter:
    """A `LogWriter` of a `MemoryLog`."""

    def __init__(self, log: MemoryLog, stream: Stream) -> None:
        self._log = log
        self._stream = stream

    async def append(
        self, records: Sequence[LogRecord], *, expect: Position | UnsetType | None = UNSET
    ) -> Sequence[Appended]:
        """Keeps records, all or none."""
        await asyncio.sleep(0)  # others go first, as they would while a disk syncs
        return self._log.append(self._stream, records, expect)


class MemoryFeed:
    """A `Feed` of a `MemoryLog`."""

    def __init__(self, writer: str, stream: Stream, sequence: _Sequence, reader: str) -> None:
        self._writer = writer
        self._stream = stream
        self._sequence = sequence
        self._reader = reader

    async def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Records after a Position, oldest first, waiting for new ones."""
        while True:
            grown = self._sequence.grown
            for item in self._sequence.after(after):
                after = item.position
                yield item
            if grown is self._sequence.grown:
                await grown.wait()

    async def peek(self, after: Position | None) -> StoredRecord | None:
        """The first record after a Position."""
        return next(iter(self._sequence.after(after)), None)

    async def newest(self) -> StoredRecord | None:
        """The last record of the stream."""
        return self._sequence.records[-1] if self._sequence.records else None

    async def committed(self) -> Position | None:
        """The last Position that the reader has committed."""
        done = self._sequence.readers[self._reader]
        return Position(self._writer, 0, done, self._stream) if done else None

    async def commit(self, position: Position) -> None:
        """Says that the reader needs nothing up to `position`; never goes back."""
        readers = self._sequence.readers
        readers[self._reader] = max(readers[self._reader], position.sequence)

    async def follow(self, held: Position) -> None:
        """What is appended from now on is greater; a Position of another writer cannot be compared."""
        if held.writer == self._writer:
            self._sequence.last = max(self._sequence.last, held.sequence)

    async def lag(self, after: Position | None) -> int:
        """Items of the records after a Position."""
        return sum(item.record.accepted for item in self._sequence.after(after))


def _key(record: LogRecord) -> Key:
    return record.tenant, record.digest, record.slice


def _known(sequence: _Sequence, record: LogRecord) -> Position | None:
    return None if record.digest == _NO_DIGEST else sequence.known.get(_key(record))
