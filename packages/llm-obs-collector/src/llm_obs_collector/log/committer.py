"""Group commit: one thread takes all that waits, writes it with one call, syncs once, and tells every sender."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from llm_obs_core.errors import RetryableError
from llm_obs_core.model import Codec, LogRecord
from llm_obs_core_ext.segment import Frames

from llm_obs_collector.log.codec import compress
from llm_obs_collector.log.directory import LogDirectory
from llm_obs_collector.log.recovery import Segment

__all__ = ["Committer", "Group", "Waiting"]

MAX_GROUP_BYTES = 32 * 1024 * 1024
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Waiting(NamedTuple):
    """A record on its way to the disk, and the future of its sequence."""

    record: LogRecord
    future: asyncio.Future[int]


class Group(NamedTuple):
    """One commit that went well, for those that follow the log; `items` are those of each record."""

    first_sequence: int
    items: list[int]
    bytes: int
    seconds: float


class Committer(threading.Thread):
    """Owns the segment that is being written.

    A failed write leaves the segment as it was before. After a failed sync nothing is known of the segment's pages
    (fsync may report an error once and forget it), so it is cut to what had been committed and given up, and the next
    group goes to a new one.

    Args:
        directory: Where segments are made.
        loop: The event loop of the senders.
        next_sequence: The first sequence to give.
        segment_bytes: Size at which a new segment is begun.
        codec: Compression of payloads.
        committed: Called on the loop after each group.
        failed: Called on the loop with the reason when the disk has refused one.
    """

    def __init__(
        self,
        directory: LogDirectory,
        loop: asyncio.AbstractEventLoop,
        *,
        next_sequence: int,
        segment_bytes: int,
        codec: Codec,
        committed: Callable[[Group], None],
        failed: Callable[[str], None],
    ) -> None:
        super().__init__(name="llm-obs-log-commit", daemon=True)
        self._directory = directory
        self._loop = loop
        self._next = next_sequence
        self._segment_bytes = segment_bytes
        self._codec = codec
        self._committed = committed
        self._failed = failed
        self._wake = threading.Condition()
        self._queue: list[Waiting] = []
        self._stopping = False
        self._floor = 0
        self._fd = -1
        self._size = 0
        self.sealed: list[Segment] = []
        """Segments that this committer has finished; appended before the next one is begun."""
        self.active: Segment | None = None
        """The segment being written, up to what is durable."""

    def put(self, waiting: Waiting) -> None:
        """Queues a record; its future is resolved when it is durable."""
        with self._wake:
            self._queue.append(waiting)
            self._wake.notify()

    def go_on_behind(self, sequence: int) -> None:
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
                    room -= len(group[taken].record.payload)
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
            if self._fd < 0:
                self._begin(first)
            self._write(frames)
        except Exception as error:  # whatever it is, the senders are told and the thread lives on
            self._resolve(group, error)
            return
        self._next = first + len(group)
        self._size += frames.nbytes
        assert self.active is not None
        self.active = self.active._replace(last=self._next - 1, size_bytes=self._size)
        done = Group(first, [item.record.accepted for item in group], frames.nbytes, time.perf_counter() - started)
        self._resolve(group, None, first, done)

    def _frame(self, group: list[Waiting], first: int) -> tuple[Frames, list[Waiting]]:
        """Those records that fit the format; the senders of others are told, their neighbours go on."""
        frames = Frames()
        sound: list[Waiting] = []
        for item in group:
            try:
                payload = compress(item.record.payload, self._codec)
                frames.add(item.record, first + len(sound), self._codec, payload)
            except Exception as error:
                self._resolve([item], error)
            else:
                sound.append(item)
        return frames, sound

    def _begin(self, first: int) -> None:
        self._fd, path = self._directory.create(first)
        self._size = 0
        self.active = Segment(path, first, first - 1, 0)

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
        if self.active is not None and self.active.last >= self.active.first:
            self.sealed.append(self.active)
        self.active = None

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

        def tell() -> None:
            if done is not None:
                self._committed(done)
            elif isinstance(error, OSError):
                self._failed(error.strerror or str(error))
            for place, item in enumerate(group):
                if item.future.cancelled():
                    continue
                if failure is None:
                    item.future.set_result(first + place)
                else:
                    item.future.set_exception(failure)

        self._loop.call_soon_threadsafe(tell)
