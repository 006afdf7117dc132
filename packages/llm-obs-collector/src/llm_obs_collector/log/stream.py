"""One stream of the file log: its segments, what is appended, and what its readers have passed.

Everything here runs on the event loop; the committer's thread tells it of each commit.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog
from llm_obs_core.errors import FencedError, RetryableError, StoreError
from llm_obs_core.interfaces import Appended, LogStats, StoredRecord
from llm_obs_core.model import Codec, LogRecord, Position, Stream
from msgspec import UNSET, UnsetType

from llm_obs_collector.log.committer import Committer, Group, Refusal, Waiting
from llm_obs_collector.log.cursors import Cursors
from llm_obs_collector.log.directory import StreamDirectory
from llm_obs_collector.log.reading import READ_BYTES, Batch, read_last, read_some
from llm_obs_collector.log.recovery import Segment, recover
from llm_obs_collector.log.seen import Known, keep, key_of
from llm_obs_collector.log.tail import Tail
from llm_obs_collector.log.tally import Tally

__all__ = ["FileStream"]

T = TypeVar("T")

DIGEST_BYTES: Final = 16
MAX_TENANT_BYTES: Final = 255
TAIL_BYTES: Final = 16 * 1024 * 1024
"""Memory of the newest records, which are kept for those who read at the end."""

HEADER_BYTES: Final = 128
"""About what a record takes beside its payload."""

MAX_GROUP: Final = 65_535
"""Records of one append: the format counts them in 16 bits."""

MAX_RECENT: Final = 500_000
"""Requests that are recognised when they come again, the newest: some 300 bytes of memory each."""


class FileStream:
    """A stream of one writer's partition; implements `LogWriter`.

    Args:
        stream: Which.
        directory: Its files.
        writer: The `writer` of its Positions.
        codec: Compression of payloads.
        segment_bytes: Size at which a new segment is begun.
        dedup_window_s: An equal request within this time is not stored again, seconds.
        admit: Asked before records are queued, with them and their bytes; raises when there is no room.
        free: See `Committer`.
        stats: The log's.
    """

    def __init__(
        self,
        stream: Stream,
        directory: StreamDirectory,
        writer: str,
        *,
        codec: Codec,
        segment_bytes: int,
        dedup_window_s: float,
        admit: Callable[[Sequence[LogRecord], int], None],
        free: Callable[[], bool],
        stats: LogStats,
    ) -> None:
        self.stream = stream
        self.directory = directory
        self._writer = writer
        self._name = f"{writer}/0/{stream}"
        self._codec = codec
        self._segment_bytes = segment_bytes
        self._window_s = dedup_window_s
        self._admit = admit
        self._free = free
        self._stats = stats
        self._committer: Committer | None = None
        self._segments: list[Segment] = []
        self._recent: OrderedDict[Known, tuple[int, float]] = OrderedDict()
        self._in_flight: dict[Known | int, asyncio.Future[int]] = {}
        self.cursors = Cursors(directory)
        self._tally = Tally()
        self._tail = Tail(TAIL_BYTES)
        self._floor = 0
        self._refusal: Refusal | None = None
        self._trimming = asyncio.Lock()
        self._grown: list[asyncio.Event] = []
        self._say = structlog.get_logger("llm_obs.log").bind(stream=str(stream))
        self.size_bytes = 0
        """Bytes of records on disk."""
        self.queued_bytes = 0
        """Bytes of records on their way to it."""

    # --- Life --------------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Finds every sound record, and begins to accept.

        Raises:
            StoreError: It cannot be read or repaired.
        """
        try:
            found = await asyncio.to_thread(recover, self.directory, self._window_s)
        except OSError as error:
            raise StoreError(
                "a log that can be read and repaired",
                got=error.strerror or str(error),
                where=str(self.directory.path),
                fix="free space on its disk and correct its owner and mode, then start again; nothing was removed",
            ) from None
        now = time.monotonic()
        self._recent.clear()
        for key, (sequence, age_s) in sorted(found.recent.items(), key=lambda item: item[1][0])[-MAX_RECENT:]:
            self._recent[key] = (sequence, now - age_s)
        self._segments = found.segments
        self._tail = Tail(TAIL_BYTES)
        self._tally = found.tally
        self.size_bytes = sum(segment.size_bytes for segment in found.segments)
        self._stats.corrupt_records += found.corrupt_records
        if found.corrupt_records:
            self._say.error(
                "damaged places in the log", places=found.corrupt_records, kept=str(self.directory.quarantine)
            )
        for first, last in found.gaps:
            self._say.error(
                "records are not in the log", first=first, last=last, fix="bring back the segment that was removed"
            )
        cursors = [self.directory.read_cursor(name) for name in self.directory.cursor_names()]
        # A reader may be ahead of a log whose files were removed: it must not take new records for old ones.
        self._floor = max([self._floor, found.tally.last, *cursors])
        self._committer = Committer(
            self.directory,
            asyncio.get_running_loop(),
            last_sequence=found.tally.last,
            next_sequence=self._floor + 1,
            segment_bytes=self._segment_bytes,
            codec=self._codec,
            committed=self._committed,
            failed=self._refused,
            free=self._free,
        )
        self._committer.start()

    async def stop(self) -> None:
        """Commits what is queued and closes. May be called twice."""
        if self._committer is not None:
            committer, self._committer = self._committer, None
            await asyncio.to_thread(committer.finish)
            await self.cursors.close()

    # --- LogWriter ---------------------------------------------------------------------------------------------------
    async def append(
        self, records: Sequence[LogRecord], *, expect: Position | UnsetType | None = UNSET
    ) -> Sequence[Appended]:
        """Returns when the records are on disk; see `LogWriter.append`."""
        if self._committer is None:
            raise StoreError("a log that is open", got="one that is not started or stopped", where="log")
        if len(records) > MAX_GROUP:
            raise StoreError(f"at most {MAX_GROUP:,} records in one append", got=f"{len(records):,}", where="log")
        names: list[Known | int] = [self._checked(record) or index for index, record in enumerate(records)]
        await self._wait_for(names)
        at: dict[Known | int, int] = {}
        for name in names:
            if not isinstance(name, int) and (sequence := self._known(name)):
                at[name] = sequence
        known = set(at)
        fresh = {name: record for name, record in zip(names, records, strict=True) if name not in known}
        if fresh:
            first = await self._append(list(fresh.values()), expect)
            at |= {name: first + index for index, name in enumerate(fresh)}
        appended: list[Appended] = []
        for name in names:
            appended.append(Appended(self.position(at[name]), duplicate=name in known))
            known.add(name)
        return appended

    async def _append(self, records: Sequence[LogRecord], expect: Position | UnsetType | None) -> int:
        if self._committer is None:
            raise StoreError("a log that is open", got="one that is not started or stopped", where="log")
        if isinstance(expect, Position) and not self._is_mine(expect):
            raise FencedError(f"a Position of {self._name} to append after", got=str(expect), where="log")
        nbytes = sum(len(record.payload) + len(record.index) + HEADER_BYTES for record in records)
        self._admit(records, nbytes)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        keys = [key for record in records if (key := key_of(record)) is not None]
        self._in_flight.update(dict.fromkeys(keys, future))
        self.queued_bytes += nbytes
        future.add_done_callback(lambda done: self._settled(records, nbytes, done))
        after = None if isinstance(expect, UnsetType) else 0 if expect is None else expect.sequence
        self._committer.put(Waiting(records, after, future))
        return await asyncio.shield(future)

    def _checked(self, record: LogRecord) -> Known | None:
        """What the record is recognised by.

        Raises:
            StoreError: It does not fit the format.
        """
        if len(record.digest) != DIGEST_BYTES or len(record.tenant.encode()) > MAX_TENANT_BYTES:
            raise StoreError(
                f"a digest of {DIGEST_BYTES} bytes and a tenant of at most {MAX_TENANT_BYTES}",
                got=f"{len(record.digest)} and {len(record.tenant.encode())}",
                where="log record",
                fix="shorten the tenant's name in auth.keys",
            )
        if (covers := record.covers) is not None:
            for position in (covers.first, covers.last, covers.after or covers.first):
                if (position.writer, position.partition) != (self._writer, record.partition):
                    raise StoreError("a range of records of this log", got=str(position), where="log record")
        return key_of(record)

    async def _wait_for(self, names: Sequence[Known | int]) -> None:
        """Returns when no equal record is being appended; how that ended is the other sender's matter."""
        while under_way := [self._in_flight[name] for name in names if name in self._in_flight]:
            await asyncio.wait(under_way)

    def _known(self, key: Known) -> int | None:
        horizon = time.monotonic() - self._window_s
        while self._recent and next(iter(self._recent.values()))[1] < horizon:
            self._recent.popitem(last=False)
        found = self._recent.get(key)
        return found[0] if found is not None and found[1] >= horizon else None

    def _settled(self, records: Sequence[LogRecord], nbytes: int, done: asyncio.Future[int]) -> None:
        self.queued_bytes -= nbytes
        sequence = 0 if done.cancelled() or done.exception() is not None else done.result()
        for index, record in enumerate(records):
            if (key := key_of(record)) is None:
                continue
            self._in_flight.pop(key, None)
            if sequence:
                self._recent[key] = (sequence + index, time.monotonic())
                if len(self._recent) > MAX_RECENT:
                    self._recent.popitem(last=False)

    # --- Reading -----------------------------------------------------------------------------------------------------
    async def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Durable records in order, then new ones as they come; see `Feed.read`."""
        sequence = self._sequence(after)
        grown = asyncio.Event()
        self._grown.append(grown)
        try:
            offset: tuple[Path, int] | None = None
            while True:
                grown.clear()
                if (newest := self._tail.after(sequence)) is not None:
                    for found, record in newest:
                        sequence = found
                        yield StoredRecord(self.position(found), record)
                    if not newest:
                        await grown.wait()
                    continue
                segment = self._segment_after(sequence)
                if segment is None:
                    await grown.wait()
                    continue
                start = offset[1] if offset is not None and offset[0] == segment.path else 0
                batch = await self._some(segment, start, sequence)
                self._stats.corrupt_records += batch.damaged
                offset = (segment.path, batch.offset)
                for found, record in batch.records:
                    sequence = found
                    yield StoredRecord(self.position(found), record)
                if not batch.records:
                    sequence = max(sequence, segment.last)  # what is missing up to here is damaged, and counted
        finally:
            self._grown.remove(grown)

    async def peek(self, after: Position | None) -> StoredRecord | None:
        """The first durable record after a Position, None when there is none now."""
        sequence = self._sequence(after)
        if (newest := self._tail.after(sequence)) is not None:
            return StoredRecord(self.position(newest[0][0]), newest[0][1]) if newest else None
        while (segment := self._segment_after(sequence)) is not None:
            batch = await self._some(segment, 0, sequence)
            if batch.records:
                return StoredRecord(self.position(batch.records[0][0]), batch.records[0][1])
            sequence = max(sequence, segment.last)
        return None

    async def newest(self) -> StoredRecord | None:
        """The last durable record."""
        for segment in reversed(self._segments):
            found = await self._read(segment, partial(read_last, self._writer, segment))
            if found is not None:
                return StoredRecord(self.position(found[0]), found[1])
        return None

    async def _some(self, segment: Segment, offset: int, after: int) -> Batch:
        found = await self._read(segment, lambda: read_some(self._writer, segment, offset, after, READ_BYTES))
        return Batch([], segment.size_bytes, 0) if found is None else found

    async def _read(self, segment: Segment, call: Callable[[], T]) -> T | None:
        """What the call returns; None when the segment was trimmed meanwhile."""
        try:
            return await asyncio.to_thread(call)
        except OSError as error:
            if all(item.path != segment.path for item in self._segments):
                return None
            raise RetryableError(
                "a segment that can be read",
                got=error.strerror or str(error),
                where=str(segment.path),
                fix="bring the log's folder back, or start again: the log then goes on with what is there",
            ) from None

    def lag(self, after: Position | None) -> int:
        """Items after a Position."""
        return self._tally.after(self._sequence(after))

    def commit(self, reader: str, position: Position) -> None:
        """Moves a reader's cursor forwards."""
        self.cursors.commit(reader, self._sequence(position))

    def follow(self, held: Position) -> None:
        """Gives no Position up to this one any more; that of another stream says nothing about this one."""
        if self._is_mine(held) and held.sequence > self._floor:
            self._floor = held.sequence
            if self._committer is not None:
                self._committer.go_on_after(held.sequence)

    def position(self, sequence: int) -> Position:
        """The Position of a record."""
        return Position(self._writer, 0, sequence, self.stream)

    def _sequence(self, after: Position | None) -> int:
        """Where a Position is.

        Raises:
            StoreError: It is another stream's: what it says about this one nobody knows.
        """
        if after is not None and not self._is_mine(after):
            raise StoreError(
                f"a Position of {self._name}",
                got=str(after),
                where="log",
                fix="give each process its own server.data_dir, and start a store that follows another writer anew",
            )
        return 0 if after is None else after.sequence

    def _is_mine(self, position: Position) -> bool:
        return (position.writer, position.partition, position.stream) == (self._writer, 0, self.stream)

    def _segment_after(self, sequence: int) -> Segment | None:
        return next((segment for segment in self._segments if segment.last > sequence), None)

    # --- Trimming ----------------------------------------------------------------------------------------------------
    async def trim(self, *, keep_last: bool) -> int:
        """Deletes segments that every registered reader has passed.

        The newest one stays, unless the disk has refused a record: then it is no longer written and its room is needed.

        Args:
            keep_last: Whether the newest stays in every case.
        """
        async with self._trimming:
            return await self._trim(keep_last=keep_last) if len(self.cursors) else 0

    async def _trim(self, *, keep_last: bool) -> int:
        done = self.cursors.slowest()
        freed = 0
        every = self._refusal is not None and self._refusal.gave_up and not keep_last
        for segment in list(self._segments) if every else self._segments[:-1]:
            if segment.last > done:
                break
            await self.cursors.write()
            self._segments.remove(segment)  # no reader may open what is going
            try:
                await asyncio.to_thread(keep, self.directory, segment.path, self._window_s)
                await asyncio.to_thread(segment.path.unlink, missing_ok=True)
            except BaseException:
                self._segments.insert(0, segment)
                raise
            freed += segment.size_bytes
            self.size_bytes -= segment.size_bytes
            self._tally.forget(segment.last)
            self._tail.forget(segment.last)
        return freed

    # --- From the committer ------------------------------------------------------------------------------------------
    @property
    def refusal(self) -> Refusal | None:
        """Why the disk refused the last commit, None when it went well."""
        return self._refusal

    def forgive(self, refusal: Refusal) -> None:
        """The disk takes writes again."""
        if self._refusal is refusal:
            self._refusal = None

    @property
    def is_open(self) -> bool:
        """Whether records can be appended."""
        return self._committer is not None

    def _refused(self, refusal: Refusal) -> None:
        self._refusal = refusal

    def _committed(self, group: Group) -> None:
        self._refusal = None
        self._tail.add(self._tally.last, group.first_sequence, group.records)
        for index, record in enumerate(group.records):
            self._tally.add(group.first_sequence + index, record.accepted)
        self._floor = max(self._floor, self._tally.last)
        if self._segments and self._segments[-1].path == group.segment.path:
            self._segments[-1] = group.segment
        else:
            self._segments.append(group.segment)
        self.size_bytes += group.bytes
        if self.stream is Stream.ACCEPTED:
            self._stats.appended_items += sum(record.accepted for record in group.records)
        self._stats.appended_bytes += group.bytes
        self._stats.commits += 1
        self._stats.commit_seconds += group.seconds
        for event in self._grown:
            event.set()
