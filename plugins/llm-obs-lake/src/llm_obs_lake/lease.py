"""Leases: a reader says which generation it reads, so that the files of it stay until it is done.

A lease is a file of eight bytes that its reader keeps locked: when the reader dies, the lock goes, and the lease with
it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from llm_obs_core.errors import StoreError

__all__ = ["Lease", "oldest_read"]

_IDLE: Final = 2**63 - 1
_ALL: Final = 0
T = TypeVar("T")


class Lease:
    """A reader's lease. While nothing is held it keeps no file.

    Args:
        folder: `Folder.leases`.

    Raises:
        StoreError: The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._held: Counter[int] = Counter()
        self._lock = threading.Lock()
        try:
            self._fd, self._path = _make(folder)
        except OSError as error:
            raise StoreError(
                "a folder that readers can write their leases to",
                got=error.strerror or str(error),
                where=str(folder),
                fix="run as the user that writes the store, or free space on its disk",
            ) from None
        self._publish()

    def _publish(self) -> None:
        os.pwrite(self._fd, min(self._held, default=_IDLE).to_bytes(8, "little"), 0)

    @contextmanager
    def hold(self, look: Callable[[], tuple[int, T]]) -> Iterator[T]:
        """Looks into the catalog and keeps the files of what it saw.

        Args:
            look: Returns the generation and whatever else; called while everything is kept.
        """
        self._change(_ALL, 1)
        try:
            generation, seen = look()
            self._change(generation, 1)
        finally:
            self._change(_ALL, -1)
        try:
            yield seen
        finally:
            self._change(generation, -1)

    def _change(self, generation: int, by: int) -> None:
        with self._lock:
            self._held[generation] += by
            if not self._held[generation]:
                del self._held[generation]
            self._publish()

    def close(self) -> None:
        """Gives everything back. May be called twice."""
        if self._fd >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


def _make(folder: Path) -> tuple[int, Path]:
    while True:
        path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:  # else the writer took it for a dead reader's, before it was locked
            return fd, path
        os.close(fd)


def oldest_read(folder: Path) -> int | None:
    """The oldest generation that a living reader may read; None when nothing is read. Removes dead readers' leases."""
    found: list[int] = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    found.append(int.from_bytes(os.pread(fd, 8, 0), "little"))
                else:
                    path.unlink()
            finally:
                os.close(fd)
    oldest = min(found, default=_IDLE)
    return None if oldest == _IDLE else oldest
