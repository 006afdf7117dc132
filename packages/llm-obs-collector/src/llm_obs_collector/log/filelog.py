"""The log in files: the `Log` that llm-obs has built in. Two streams under one lock and one quota."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from llm_obs_core.config import LogSettings
from llm_obs_core.errors import RetryableError
from llm_obs_core.interfaces import Host, LogStats
from llm_obs_core.model import Codec, LogRecord, Stream

from llm_obs_collector.log.directory import LogDirectory
from llm_obs_collector.log.feed import FileFeed
from llm_obs_collector.log.health import disk_trouble
from llm_obs_collector.log.stream import FileStream

__all__ = ["FileLog"]

MIN_SEGMENTS: Final = 4
"""Segments that a full stream has at least: only whole ones can be trimmed."""

RESERVE_SHARE: Final = 10
"""One in so many bytes is for derived and targeted records alone, beyond what they take already.

Targeted ones may have half of it: without what is derived the log would not drain.
"""

SPARE_BYTES: Final = 16 * 1024 * 1024
"""Blocks of the disk that are kept for derived records: minutes of them, which are small."""


def make(options: LogSettings, host: Host) -> FileLog:
    """The factory of the log `file`."""
    return FileLog(host.data_dir / "log", host.writer, options)


class FileLog:
    """Append-only segments with group commit; see `llm_obs_core.interfaces.Log`.

    `accepted` is refused before the log is full, so that what was accepted can still be derived, stored and trimmed.

    Args:
        root: `<data_dir>/log`.
        writer: This collector's name, the `writer` of its Positions.
        settings: `[log]`.
    """

    def __init__(self, root: str | Path, writer: str, settings: LogSettings) -> None:
        self._settings = settings
        self._directory = LogDirectory(Path(root), writer)
        self._stats = LogStats()
        self._refused_bytes = 0
        reserve = max(1, settings.max_bytes // RESERVE_SHARE)
        self._reserve_bytes = reserve
        make = partial(FileStream, writer=writer, dedup_window_s=settings.dedup_window_s, stats=self._stats)
        self.accepted = make(
            Stream.ACCEPTED,
            self._directory.streams[Stream.ACCEPTED],
            codec=Codec[settings.codec.upper()],
            segment_bytes=min(settings.segment_bytes, max(1, (settings.max_bytes - reserve) // MIN_SEGMENTS)),
            admit=self._admit_accepted,
            free=lambda: False,
        )
        self.derived = make(
            Stream.DERIVED,
            self._directory.streams[Stream.DERIVED],
            codec=Codec.ZSTD,
            segment_bytes=min(settings.segment_bytes, max(1, reserve // MIN_SEGMENTS)),
            admit=self._admit_derived,
            free=self._directory.use_spare,
        )
        self._streams = {Stream.ACCEPTED: self.accepted, Stream.DERIVED: self.derived}

    async def start(self) -> None:
        """Takes the lock, finds every sound record, and begins to accept."""
        self._directory.open()
        try:
            for stream in self._streams.values():
                await stream.start()
            await self._keep_spare()
        except BaseException:
            await self.stop()
            raise

    def writer(self, stream: Stream) -> FileStream:
        """See `Log.writer`."""
        return self._streams[stream]

    def feed(self, stream: Stream, reader: str) -> FileFeed:
        """See `Log.feed`."""
        feed = FileFeed(self._streams[stream], reader)
        feed.register()
        return feed

    async def trim(self) -> int:
        """Deletes segments that every reader has passed. The last derived record stays: it says where to go on."""
        freed = await self.derived.trim(keep_last=True) + await self.accepted.trim(keep_last=False)
        await self._keep_spare()
        return freed

    async def stop(self) -> None:
        """Commits what is queued and closes. May be called twice."""
        for stream in self._streams.values():
            await stream.stop()
        self._directory.close()

    async def trouble(self) -> str:
        """Why nothing can be accepted at this moment; empty when it can.

        After a commit that the disk refused a small file is written and synced, so that readiness comes back by itself.
        """
        if not self.accepted.is_open:
            return "the log is not open"
        if self._full(self._refused_bytes, self._reserve_bytes):
            return f"the log holds log.max_bytes, {self._settings.max_bytes}: see which sink is behind"
        refusal = self.accepted.refusal
        self._refused_bytes = 0
        if self._directory.spare_used:
            await self._keep_spare()
        if self._directory.spare_used:
            return f"the disk of {self._directory.path} is full: the rest of it is for what was accepted already"
        found = await asyncio.to_thread(disk_trouble, self._directory.path, probe=refusal is not None)
        if not found and refusal is not None:
            self.accepted.forgive(refusal)
        return found

    @property
    def stats(self) -> LogStats:
        """What it has done since it was opened."""
        self._stats.size_bytes = self.accepted.size_bytes + self.derived.size_bytes
        return self._stats

    def _admit_accepted(self, records: Sequence[LogRecord], nbytes: int) -> None:
        if self._directory.spare_used:
            raise RetryableError(
                "room on the disk for more than what is derived",
                got="the last of it",
                where=str(self._directory.path),
                fix="free space on it; senders are asked to come back meanwhile",
                retry_after_s=5.0,
            )
        targeted = all(record.target for record in records)
        if self._full(nbytes, self._reserve_bytes // 2 if targeted else self._reserve_bytes):
            if not targeted:
                self._refused_bytes = nbytes
            raise self._no_room()

    def _admit_derived(self, _: Sequence[LogRecord], nbytes: int) -> None:
        if self._full(nbytes, 0):
            raise self._no_room()

    def _no_room(self) -> RetryableError:
        return RetryableError(
            f"a log of at most {self._settings.max_bytes} bytes",
            got="a full one",
            where="log.max_bytes",
            fix="see which sink is behind, or raise the limit",
            retry_after_s=5.0,
        )

    def _full(self, nbytes: int, reserve_bytes: int) -> bool:
        taken = sum(stream.size_bytes + stream.queued_bytes for stream in self._streams.values())
        return taken + nbytes > self._settings.max_bytes - reserve_bytes

    async def _keep_spare(self) -> None:
        if self.accepted.is_open:
            await asyncio.to_thread(self._directory.keep_spare, min(SPARE_BYTES, self._reserve_bytes))
