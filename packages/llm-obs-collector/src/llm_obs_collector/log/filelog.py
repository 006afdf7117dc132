"""The log in files: the `Log` that llm-obs has built in."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import structlog
from llm_obs_core.config import LogSettings
from llm_obs_core.errors import RetryableError, StoreError
from llm_obs_core.interfaces import Appended, Host, StoredRecord
from llm_obs_core.model import Codec, LogRecord, Position

from llm_obs_collector.log.committer import Committer, Group, Waiting
from llm_obs_collector.log.cursors import Cursors
from llm_obs_collector.log.directory import LogDirectory
from llm_obs_collector.log.health import disk_trouble
from llm_obs_collector.log.reading import READ_BYTES, read_some
from llm_obs_collector.log.recovery import Segment, recover
from llm_obs_collector.log.seen import keep
from llm_obs_collector.log.tally import Tally

__all__ = ["FileLog", "LogStats"]

DIGEST_BYTES = 16
MAX_TENANT_BYTES = 255
HEADER_BYTES = 128
"""About what a record takes beside its payload."""
MIN_SEGMENTS = 4
"""Segments that a full log has at least: only whole ones can be trimmed."""

MAX_RECENT = 500_000
"""Requests that are recognised when they come again, the newest: some 300 bytes of memory each."""


class LogStats(msgspec.Struct):
    """What the log has done since it was opened, for metrics."""

    appended_bytes: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    corrupt_records: int = 0
    torn_bytes: int = 0
    duplicates: int = 0


def make(options: LogSettings, host: Host) -> FileLog:
    """The factory of the log `file`."""
    return FileLog(host.data_dir / "log", host.writer, options)


class FileLog:
    """Append-only segments with group commit; see `llm_obs_core.interfaces.Log`.

    Args:
        root: `<data_dir>/log`.
        writer: This collector's name, the `writer` of its Positions.
        settings: `[log]`.
    """

    def __init__(self, root: str | Path, writer: str, settings: LogSettings) -> None:
        self._writer = writer
        self._settings = settings
        self._directory = LogDirectory(Path(root), writer)
        self._committer: Committer | None = None
        self._segments: list[Segment] = []
        self._recent: OrderedDict[tuple[str, bytes], tuple[int, float]] = OrderedDict()
        self._in_flight: dict[tuple[str, bytes], asyncio.Future[int]] = {}
        self._cursors = Cursors(self._directory)
        self._tally = Tally()
        self._found = 0
        self._refusal = ""
        self._no_room_for = 0
        self._grown: list[asyncio.Event] = []
        self._say = structlog.get_logger("llm_obs.log")
        self._queued_bytes = 0
        self.last_sequence = 0
        self.stats = LogStats()

    async def start(self) -> None:
        """Takes the lock, finds every sound record, and begins to accept."""
        self._directory.open()
        try:
            found = await asyncio.to_thread(recover, self._directory, self._settings.dedup_window_s)
        except OSError as error:
            self._directory.close()
            raise StoreError(
                "a log that can be read and repaired",
                got=error.strerror or str(error),
                where=str(self._directory.path),
                fix="free space on its disk and correct its owner and mode, then start again; nothing was removed",
            ) from None
        except BaseException:
            self._directory.close()
            raise
        now = time.monotonic()
        for key, (sequence, age_s) in sorted(found.recent.items(), key=lambda item: item[1][0])[-MAX_RECENT:]:
            self._recent[key] = (sequence, now - age_s)
        self._segments = found.segments
        self._tally = found.tally
        self._found = found.tally.total
        self.stats.corrupt_records = found.corrupt_records
        self.stats.torn_bytes = found.torn_bytes
        if found.corrupt_records:
            self._say.error(
                "damaged places in the log", places=found.corrupt_records, kept=str(self._directory.quarantine)
            )
        for first, last in found.gaps:
            self._say.error(
                "records are not in the log", first=first, last=last, fix="bring back the segment that was removed"
            )
        cursors = [self._directory.read_cursor(name) for name in self._directory.cursor_names()]
        # A reader may be ahead of a log whose files were removed: it must not take new records for old ones.
        self.last_sequence = max([found.tally.last, *cursors])
        self._committer = Committer(
            self._directory,
            asyncio.get_running_loop(),
            next_sequence=self.last_sequence + 1,
            segment_bytes=min(self._settings.segment_bytes, max(1, self._settings.max_bytes // MIN_SEGMENTS)),
            codec=Codec[self._settings.codec.upper()],
            committed=self._committed,
            failed=self._refused,
        )
        self._committer.start()

    async def append(self, record: LogRecord) -> Appended:
        """Returns when the record is on disk; see `Log.append`."""
        if self._committer is None:
            raise StoreError("a log that is open", got="one that is not started or stopped", where="log")
        if len(record.digest) != DIGEST_BYTES or len(record.tenant.encode()) > MAX_TENANT_BYTES:
            raise StoreError(
                f"a digest of {DIGEST_BYTES} bytes and a tenant of at most {MAX_TENANT_BYTES}",
                got=f"{len(record.digest)} and {len(record.tenant.encode())}",
                where="log record",
                fix="shorten the tenant's name in auth.keys",
            )
        key = (record.tenant, record.digest)
        if (known := self._known(key)) is not None:
            self.stats.duplicates += 1
            return Appended(self._position(known), duplicate=True)
        if (under_way := self._in_flight.get(key)) is not None:
            sequence = await asyncio.shield(under_way)
            self.stats.duplicates += 1
            return Appended(self._position(sequence), duplicate=True)
        nbytes = len(record.payload) + len(record.index) + HEADER_BYTES
        if self.size_bytes + self._queued_bytes + nbytes > self._settings.max_bytes:
            self._no_room_for = nbytes
            raise RetryableError(
                f"a log of at most {self._settings.max_bytes} bytes",
                got="a full one",
                where="log.max_bytes",
                fix="see which sink is behind, or raise the limit",
                retry_after_s=5.0,
            )
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = future
        self._queued_bytes += nbytes
        future.add_done_callback(lambda done: self._settled(key, nbytes, done))
        self._committer.put(Waiting(record, future))
        return Appended(self._position(await asyncio.shield(future)))

    async def read(self, reader: str, after: Position | None) -> AsyncIterator[StoredRecord]:
        """Durable records in order, then new ones as they come; see `Log.read`."""
        sequence = 0 if after is None else after.sequence
        grown = asyncio.Event()
        self._grown.append(grown)
        try:
            offset: tuple[Path, int] | None = None
            while True:
                grown.clear()
                segment = self._segment_after(sequence)
                if segment is None:
                    await grown.wait()
                    continue
                start = offset[1] if offset is not None and offset[0] == segment.path else 0
                try:
                    batch = await asyncio.to_thread(read_some, segment, start, sequence, READ_BYTES)
                except OSError as error:
                    raise RetryableError(
                        "a segment that can be read",
                        got=error.strerror or str(error),
                        where=str(segment.path),
                        fix="bring the log's folder back, or start again: the log then goes on with what is there",
                    ) from None
                self.stats.corrupt_records += batch.damaged
                offset = (segment.path, batch.offset)
                for found, record in batch.records:
                    sequence = found
                    yield StoredRecord(self._position(found), record)
                if not batch.records:
                    sequence = max(sequence, segment.last)  # what is missing up to here is damaged, and counted
        finally:
            self._grown.remove(grown)

    def register(self, reader: str, held: Position | None = None) -> Position | None:
        """Names a reader, whose cursor from before holds on; see `Log.register`."""
        if held is not None and held.writer == self._writer and held.sequence > self.last_sequence:
            self.last_sequence = held.sequence
            if self._committer is not None:
                self._committer.go_on_behind(held.sequence)
        sequence = self._cursors.register(reader)
        return self._position(sequence) if sequence else None

    def commit(self, reader: str, position: Position) -> None:
        """Moves a reader's cursor; written to disk about once a second and at the stop."""
        self._cursors.commit(reader, position.sequence)

    def backlog(self, after: Position | None) -> int:
        """Items behind a Position; see `Log.backlog`."""
        return self._tally.after(0 if after is None else after.sequence)

    async def trim(self) -> int:
        """Deletes segments that every registered reader has passed.

        The newest one stays, unless the disk has refused a record: then it is no longer written and its room is needed.
        """
        if not len(self._cursors):
            return 0
        done = self._cursors.slowest()
        freed = 0
        segments = self._all()
        writing = self._committer is not None and self._committer.active is not None
        for segment in segments if self._refusal and not writing else segments[:-1]:
            if segment.last > done:
                break
            await self._cursors.write()
            await asyncio.to_thread(keep, self._directory, segment.path, self._settings.dedup_window_s)
            await asyncio.to_thread(segment.path.unlink, missing_ok=True)
            freed += segment.size_bytes
            self._segments = [item for item in self._segments if item != segment]
            if self._committer is not None and segment in self._committer.sealed:
                self._committer.sealed.remove(segment)
            self._tally.forget(segment.last)
        return freed

    async def stop(self) -> None:
        """Commits what is queued and closes. May be called twice."""
        if self._committer is not None:
            committer, self._committer = self._committer, None
            await asyncio.to_thread(committer.finish)
            self._segments += committer.sealed
            await self._cursors.close()
        self._directory.close()

    async def trouble(self) -> str:
        """Why nothing can be appended at this moment; empty when it can.

        After a commit that the disk refused a small file is written and synced, so that readiness comes back by itself.
        """
        if self._committer is None:
            return "the log is not open"
        if self.size_bytes + self._queued_bytes + self._no_room_for > self._settings.max_bytes:
            return f"the log holds log.max_bytes, {self._settings.max_bytes}: see which sink is behind"
        refusal = self._refusal
        self._no_room_for = 0
        found = await asyncio.to_thread(disk_trouble, self._directory.path, probe=bool(refusal))
        if not found and refusal == self._refusal:
            self._refusal = ""
        return found

    @property
    def holds_records(self) -> bool:
        """Whether there is a record to read."""
        return bool(self._all())

    @property
    def logged(self) -> int:
        """Items of the records appended since the log was opened."""
        return self._tally.total - self._found

    @property
    def size_bytes(self) -> int:
        """Bytes of records on disk."""
        return sum(segment.size_bytes for segment in self._all())

    def _all(self) -> list[Segment]:
        if self._committer is None:
            return self._segments
        active = self._committer.active
        sealed = list(self._committer.sealed)
        if active is not None and active.last >= active.first and active.path not in {item.path for item in sealed}:
            sealed.append(active)
        return self._segments + sealed

    def _segment_after(self, sequence: int) -> Segment | None:
        return next((segment for segment in self._all() if segment.last > sequence), None)

    def _position(self, sequence: int) -> Position:
        return Position(self._writer, 0, sequence)

    def _known(self, key: tuple[str, bytes]) -> int | None:
        horizon = time.monotonic() - self._settings.dedup_window_s
        while self._recent and next(iter(self._recent.values()))[1] < horizon:
            self._recent.popitem(last=False)
        found = self._recent.get(key)
        return found[0] if found is not None and found[1] >= horizon else None

    def _settled(self, key: tuple[str, bytes], nbytes: int, done: asyncio.Future[int]) -> None:
        self._in_flight.pop(key, None)
        self._queued_bytes -= nbytes
        if not done.cancelled() and done.exception() is None:
            self._recent[key] = (done.result(), time.monotonic())
            if len(self._recent) > MAX_RECENT:
                self._recent.popitem(last=False)

    def _refused(self, reason: str) -> None:
        self._refusal = reason

    def _committed(self, group: Group) -> None:
        self._refusal = ""
        for place, items in enumerate(group.items):
            self._tally.add(group.first_sequence + place, items)
        self.last_sequence = self._tally.last
        self.stats.appended_bytes += group.bytes
        self.stats.commits += 1
        self.stats.commit_seconds += group.seconds
        for event in self._grown:
            event.set()
