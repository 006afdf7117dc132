"""The log's folder: lock, segments and cursors of each stream, quarantine. Folders are 0700 and files 0600."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from llm_obs_core.model import Stream
from llm_obs_core.owned import OwnedFolder, sync_directory

from llm_obs_collector.log import cursorfile

__all__ = ["LogDirectory", "StreamDirectory"]

SUFFIX: Final = ".seg"
CURSOR: Final = ".cursor"
SPARE: Final = "spare.bin"
MIN_SPARE_BYTES: Final = 256 * 1024


class LogDirectory:
    """The files of one writer's partition.

    Args:
        root: `<data_dir>/log`.
        writer: The collector's name.
        partition: The partition's number.
    """

    def __init__(self, root: Path, writer: str, partition: int = 0) -> None:
        self.home = root / writer
        self.path = self.home / str(partition)
        self.streams = {
            Stream.ACCEPTED: StreamDirectory(self.path),
            Stream.DERIVED: StreamDirectory(self.path / "derived"),
        }
        self._spare_bytes = 0
        self.spare_used = False
        """Whether derived records are on the last blocks of the disk: nothing else may take any of them."""
        self._owned = OwnedFolder(
            self.home, alone="a log that no other process has open", elsewhere="server.data_dir or server.writer"
        )

    def open(self) -> None:
        """Makes the folders and takes the lock.

        Raises:
            StoreError: Another process has the log, or the folder cannot be written.
        """
        self._owned.open([folder for stream in self.streams.values() for folder in (stream.path, stream.cursors)])

    def close(self) -> None:
        """Gives the lock back."""
        self._owned.close()

    def keep_spare(self, nbytes: int) -> bool:
        """Takes disk blocks that only derived records may use, once the disk has no others; False when it cannot.

        Of a disk that has little left it takes half; once they were used, all of them have to be there again.
        """
        path = self.path / SPARE
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                disk, taken = os.fstatvfs(fd), os.fstat(fd).st_blocks * 512
                free = disk.f_bavail * disk.f_frsize
                size = min(nbytes, self._spare_bytes if self.spare_used else taken + free // 2)
                if size > taken + free:
                    size = 0
                elif size > taken:
                    os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError:
            size = 0
        if size < min(nbytes, MIN_SPARE_BYTES):
            path.unlink(missing_ok=True)
            return False
        self.spare_used, self._spare_bytes = False, max(size, taken)
        return True

    def use_spare(self) -> bool:
        """Gives those blocks back to the disk; False when there were none."""
        try:
            (self.path / SPARE).unlink()
        except OSError:
            return False
        self.spare_used = True
        return True


class StreamDirectory:
    """The files of one stream.

    Args:
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cursors = path / "cursors"
        self.quarantine = path / "quarantine"

    def segments(self) -> list[tuple[int, Path]]:
        """First sequence and file of each segment, oldest first."""
        found = [path for path in self.path.iterdir() if path.suffix == SUFFIX and path.stem.isdecimal()]
        return sorted((int(path.stem), path) for path in found)

    def create(self, first_sequence: int) -> tuple[int, Path]:
        """A new segment file, its name durable; returns its descriptor and path."""
        path = self.path / f"{first_sequence:020d}{SUFFIX}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        sync_directory(self.path)
        return fd, path

    def keep_damage(self, segment: Path, start: int, data: bytes) -> None:
        """Copies bytes that could not be read into the quarantine."""
        self.quarantine.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self.quarantine / f"{segment.stem}-{start}.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "wb") as file:
            file.write(data)

    def make_cursor(self, reader: str) -> None:
        """Takes the blocks of a cursor that is not there yet, while the disk has some."""
        if not (path := self._cursor(reader)).exists():
            cursorfile.make(path)

    def read_cursor(self, reader: str) -> int:
        """The last sequence that a reader has committed, 0 when none; a broken file counts as none."""
        return cursorfile.read(self._cursor(reader)) or 0

    def cursor_names(self) -> list[str]:
        """Readers that have committed before."""
        return [path.stem for path in self.cursors.glob(f"*{CURSOR}")]

    def write_cursor(self, reader: str, sequence: int) -> None:
        """Moves a cursor, all or nothing."""
        cursorfile.write(self._cursor(reader), sequence)

    def _cursor(self, reader: str) -> Path:
        return self.cursors / f"{reader}{CURSOR}"
