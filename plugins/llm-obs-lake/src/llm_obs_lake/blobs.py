"""Where the files of segments are: written once, read by ranges, listed, deleted. Local here; object storage can be it.

A blob's name is `<tenant's word>/<file>`. All calls are made in threads.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import pyarrow as pa
from llm_obs_core.owned import sync_directory

__all__ = ["BlobStat", "BlobStore", "LocalBlobs", "RangeFile"]

_TEMPORARY: Final = ".tmp"


class BlobStat(NamedTuple):
    """What a blob is.

    Attributes:
        size_bytes: Its bytes.
        mark: Differs when another blob was put in its place.
    """

    size_bytes: int
    mark: object


class BlobStore(Protocol):
    """Where blobs are kept. Whatever goes wrong is an OSError, a blob that is not there a FileNotFoundError."""

    def begin(self, name: str) -> Path:
        """A new local file, empty and of this user only, into which the blob is to be written."""

    def put(self, files: Sequence[tuple[Path, str]]) -> None:
        """Gives local files their names, durably, and moves or removes them; when it fails, some may be there."""

    def stat(self, name: str) -> BlobStat:
        """What a blob is."""

    def get_range(self, name: str, start: int, size: int) -> bytes:
        """Some bytes of a blob; fewer at its end."""

    def open(self, name: str) -> pa.NativeFile:
        """The blob for pyarrow; a `RangeFile` where there is nothing faster."""

    def list(self) -> Iterator[str]:
        """All names, also those of what was begun and never put."""

    def delete(self, names: Iterable[str]) -> None:
        """Removes blobs; one that is not there is no error."""

    def locate(self, name: str) -> str:
        """The path or URL that DuckDB reads a blob by."""


class RangeFile(io.RawIOBase):
    """A blob as a file that is read by ranges.

    Args:
        blobs: Where it is.
        name: Its name.
    """

    def __init__(self, blobs: BlobStore, name: str) -> None:
        self._blobs = blobs
        self._name = name
        self._size = blobs.stat(name).size_bytes
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """The next byte to be read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """One range."""
        left = max(self._size - self._at, 0)
        found = self._blobs.get_range(self._name, self._at, left if size is None or size < 0 else min(size, left))
        self._at += len(found)
        return found


class LocalBlobs:
    """Files of a folder. Folders are 0700, files 0600.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, name: str) -> Path:
        """Beside its later place, so that a rename is all that is left to do."""
        path = self._root / (name + _TEMPORARY)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        return path

    def put(self, files: Sequence[tuple[Path, str]]) -> None:
        """Every file is on disk before it has its name; the folders are synced once."""
        for temporary, name in files:
            fd = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            temporary.rename(self._root / name)
        for folder in dict.fromkeys((self._root / name).parent for _, name in files):
            sync_directory(folder)
        if files:
            sync_directory(self._root)

    def stat(self, name: str) -> BlobStat:
        """By inode and time."""
        found = os.stat(self._root / name)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "no file")
        return BlobStat(found.st_size, (found.st_ino, found.st_size, found.st_mtime_ns))

    def get_range(self, name: str, start: int, size: int) -> bytes:
        """One read."""
        with open(self._root / name, "rb") as file:
            return os.pread(file.fileno(), size, start)

    def open(self, name: str) -> pa.NativeFile:
        """The file itself."""
        return pa.OSFile(str(self._root / name))

    def list(self) -> Iterator[str]:
        """Two levels of the folder."""
        return (path.relative_to(self._root).as_posix() for path in self._root.glob("*/*"))

    def delete(self, names: Iterable[str]) -> None:
        """Unlinks."""
        for name in names:
            (self._root / name).unlink(missing_ok=True)

    def locate(self, name: str) -> str:
        """The absolute path."""
        return f"{self._root.absolute()}/{name}"
