"""Group commit: one thread takes all that waits, writes it with one call, syncs once, and tells every sender."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llm_obs_core.errors import FencedError, LlmObsError, RetryableError
from llm_obs_core.model import Codec, LogRecord
from llm_obs_core_ext.frames import Frames

from llm_obs_collector.log.codec import compress
from llm_obs_collector.log.directory import StreamDirectory
from llm_obs_collector.log.extra import pack_extra
from llm_obs_collector.log.recovery import Segment

__all__ = ["Committer", "Group", "Refusal", "Waiting"]

MAX_GROUP_BYTES: Final = 32 * 1024 * 1024
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Waiting(NamedTuple):
    """Records that are appended together, and the future of the first one's sequence; the others' follow it.

    Attributes:
        records: At least one.
        expect: The stream's last sequence, 0 when it must hold none; None when that does not matter.
        future: Resolved when they are durable.
    """

    records: Sequence[LogRecord]
    expect: int | None
    future: asyncio.Future[int]


class Group(NamedTuple):
    """One commit that went well, for those that follow the log.

    Attributes:
        first_sequence: Of its first record; the others follow without gaps.
        records: In order.
        bytes: Written.
        seconds: Taken.
        segment: The file that they are in, with everything durable in it.
    """

    first_sequence: int
    records: list[LogRecord]
    bytes: int
    seconds: float
    segment: Segment


class Refusal(NamedTuple):
    """A commit that the disk refused: why, and whether the segment was given up, so that nothing writes it any more."""

    reason: str
    gave_up: bool


class Committer(threading.Thread):
    """Owns the segment that is being written.

    A failed write leaves the segment as it was before. After a failed sync nothing is known of the segment's pages
    (fsync may report an error once and forget it), so it is cut to what had been committed and given up, and the next
    group goes to a new one.

    Args:
        directory: Where segments are made.
        loop: The event loop of the senders.
        last_sequence: The last record's, 0 when there is none.
        next_sequence: The first sequence to give; greater than `last_sequence`.
        segment_bytes: Size at which a new segment is begun.
        codec: Compression of payloads.
        committed: Called on the loop after each group.
        failed: Called on the loop when the disk has refused one.
        free: Called in the thread when the disk has no room; whether some was made.
    """

    def __init__(
        self,
        directory: StreamDirectory,
        loop: asyncio.AbstractEventLoop,
        *,
        last_sequence: int,
        next_sequence: int,
        segment_bytes: int,
        codec: Codec,
        committed: Callable[[Group], None],
        failed: Callable[[Refusal], None],
        free: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(name="llm-obs-log-commit", daemon=True)
        self._directory = directory
        self._loop = loop
        self._last = last_sequence
        self._next = next_sequence
        self._segment_bytes = segment_bytes
        self._codec = codec
        self._committed = committed
        self._failed = failed
        self._free = free
        self._wake = threading.Condition()
        self._queue: list[Waiting] = []
        self._stopping = False
        self._floor = 0
        self._fd = -1
        self._size = 0
        self._active: Segment | None = None

    def put(self, waiting: Waiting) -> None:
        """Queues records; their future is resolved when they are durable."""
        with self._wake:
            self._queue.append(waiting)
            self._wake.notify()

    def go_on_after(self, sequence: int) -> None:
        """Gives no sequence up to this one any more."""
        self._floor = max(self._floor, sequence)

    def finish(self) -> None:
        """Commits what is queued, closes the segment, and ends the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self.join()

    def run(self) -> None:
        """The thread."""
        while True:
            with self._wake:
                while not self._queue and not self._stopping:
                    self._wake.wait()
                group, self._queue = self._queue, []
            if not group:
                self._seal()
                return
            while group:
                taken, room = 0, MAX_GROUP_BYTES
                while taken < len(group) and room > 0:
                    room -= sum(len(record.payload) for record in group[taken].records)
                    taken += 1
                self._commit(group[:taken])
                group = group[taken:]

    def _commit(self, group: list[Waiting]) -> None:
        started = time.perf_counter()
        if self._floor >= self._next:
            self._seal()  # within a segment sequences have no gaps
            self._next = self._floor + 1
        first = self._next
        try:
            frames, group = self._frame(group, first)
            if not group:
                return
            if self._fd >= 0 and self._size + frames.nbytes > self._segment_bytes:
                self._seal()
            try:
                self._store(frames, first)
            except OSError as error:
                if error.errno not in NO_ROOM or not self._free():
                    raise
                self._store(frames, first)
        except Exception as error:  # whatever it is, the senders are told and the thread lives on
            self._resolve(group, error)
            return
        records = [record for waiting in group for record in waiting.records]
        self._next = first + len(records)
        self._last = self._next - 1
        self._size += frames.nbytes
        assert self._active is not None
        self._active = self._active._replace(last=self._last, size_bytes=self._size)
        done = Group(first, records, frames.nbytes, time.perf_counter() - started, self._active)
        self._resolve(group, None, first, done)

    def _frame(self, group: list[Waiting], first: int) -> tuple[Frames, list[Waiting]]:
        """Those that fit the format and expect what there is; senders of others are told, their neighbours go on."""
        frames = Frames()
        sound: list[Waiting] = []
        sequence, last = first, self._last
        for waiting in group:
            before = frames.mark()
            try:
                if waiting.expect is not None and waiting.expect != last:
                    raise _fenced(waiting.expect, last)
                for index, record in enumerate(waiting.records):
                    payload = compress(record.payload, self._codec)
                    frames.add(
                        record,
                        sequence + index,
                        self._codec,
                        payload,
                        extra=pack_extra(record),
                        group_index=index,
                        group_size=len(waiting.records),
                    )
            except Exception as error:
                frames.rollback(before)
                self._resolve([waiting], error)
                continue
            sound.append(waiting)
            sequence += len(waiting.records)
            last = sequence - 1
        return frames, sound

    def _store(self, frames: Frames, first: int) -> None:
        if self._fd < 0:
            self._fd, path = self._directory.create(first)
            self._size = 0
            self._active = Segment(path, first, first - 1, 0)
        self._write(frames)

    def _write(self, frames: Frames) -> None:
        try:
            frames.write(self._fd)
        except OSError as error:
            self._undo()
            if error.errno in NO_ROOM:
                self._seal()  # so that it can be trimmed
            raise
        try:
            os.fdatasync(self._fd)
            if not os.fstat(self._fd).st_nlink:  # nobody will ever read what is in it
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._directory.path))
        except OSError:
            self._undo()
            self._seal()
            raise

    def _undo(self) -> None:
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._seal()  # the next segment takes the same numbers, and a reader stops where they begin again

    def _seal(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._active = None

    def _resolve(
        self, group: list[Waiting], error: Exception | None, first: int = 0, done: Group | None = None
    ) -> None:
        failure: Exception | None = error
        if isinstance(error, OSError):
            failure = RetryableError(
                "room and a sound disk for the log",
                got=error.strerror or str(error),
                where=str(self._directory.path),
                fix="free space on it or move server.data_dir; senders are asked to come back meanwhile",
                retry_after_s=1.0,
            )
        gave_up = self._fd < 0

        def tell() -> None:
            if done is not None:
                self._committed(done)
            elif isinstance(error, OSError):
                self._failed(Refusal(error.strerror or str(error), gave_up))
            sequence = first
            for waiting in group:
                if waiting.future.cancelled():
                    pass
                elif failure is None:
                    waiting.future.set_result(sequence)
                else:
                    waiting.future.set_exception(failure)
                sequence += len(waiting.records)

        self._loop.call_soon_threadsafe(tell)


def _fenced(expected: int, last: int) -> LlmObsError:
    return FencedError(
        f"a stream that ends at sequence {expected or 'none'}",
        got=f"one that ends at {last or 'none'}",
        where="log",
        fix="let one process derive from a log: stop the other one, or give it another server.writer",
    )
