"""Folders that one process owns: made durably, locked, given back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from llm_obs_core.errors import StoreError

__all__ = ["OwnedFolder", "sync_directory"]


def sync_directory(path: Path) -> None:
    """Makes the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class OwnedFolder:
    """A folder (mode 0700) with a file `lock` in it, held by one process at a time.

    Args:
        path: The folder.
        alone: What is expected of it, as a noun phrase, for the error when another process holds it.
        elsewhere: The configuration keys that give a process a folder of its own.
    """

    def __init__(self, path: Path, *, alone: str, elsewhere: str) -> None:
        self.path = path
        self._alone = alone
        self._elsewhere = elsewhere
        self._lock = -1

    def open(self, folders: Iterable[Path]) -> None:
        """Makes the folder and these inside it, durably, and takes the lock.

        Raises:
            StoreError: Another process holds it, or it cannot be written.
        """
        top = self.path.absolute()
        missing = [folder.parent for folder in (top, *top.parents) if not folder.exists()]
        inside = [self.path, *folders]
        try:
            for folder in inside:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            for folder in {top, top.parent, *missing, *(folder.absolute() for folder in inside)}:
                sync_directory(folder)
        except OSError as error:
            self.close()
            raise StoreError(
                "a folder that can be written",
                got=error.strerror or str(error),
                where=str(self.path),
                fix="correct its owner and mode, free space on its disk, or set server.data_dir to another folder",
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise StoreError(
                self._alone,
                got="one that is locked",
                where=str(self.path),
                fix=f"stop the other llm-obs, or give this one its own {self._elsewhere}",
            ) from None

    def close(self) -> None:
        """Gives the lock back. May be called twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
