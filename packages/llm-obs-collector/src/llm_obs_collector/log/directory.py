"""The log's folder: lock, segments, cursors, quarantine. Folders are 0700 and files 0600."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from llm_obs_core.errors import StoreError

__all__ = ["LogDirectory", "sync_directory"]

SUFFIX = ".seg"


def sync_directory(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


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
        self.cursors = self.path / "cursors"
        self.quarantine = self.path / "quarantine"
        self._lock = -1

    def open(self) -> None:
        """Makes the folders and takes the lock.

        Raises:
            StoreError: Another process has the log, or the folder cannot be written.
        """
        home = self.home.absolute()
        missing = [folder.parent for folder in (home, *home.parents) if not folder.exists()]
        try:
            for folder in (self.home, self.path, self.cursors):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            for folder in {home, home.parent, *missing}:
                sync_directory(folder)
        except OSError as error:
            raise StoreError(
                "a folder that can be written",
                got=str(error),
                where=str(self.home),
                fix="correct its owner and mode, or set server.data_dir to another folder",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise StoreError(
                "a log that no other process has open",
                got="one that is locked",
                where=str(self.home),
                fix="stop the other llm-obs, or give this one its own server.data_dir or server.writer",
            ) from None

    def close(self) -> None:
        """Gives the lock back."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

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

    def read_cursor(self, reader: str) -> int:
        """The last sequence that a reader has committed, 0 when none; a broken file counts as none."""
        try:
            return int(json.loads((self.cursors / f"{reader}.json").read_text())["sequence"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def cursor_names(self) -> list[str]:
        """Readers that have committed before."""
        return [path.stem for path in self.cursors.glob("*.json")]

    def write_cursor(self, reader: str, sequence: int) -> None:
        """Replaces a cursor, all or nothing."""
        path = self.cursors / f"{reader}.json"
        temporary = path.with_suffix(".tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump({"sequence": sequence}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        sync_directory(self.cursors)
