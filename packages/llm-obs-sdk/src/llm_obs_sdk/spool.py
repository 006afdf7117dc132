"""Requests on disk while the collector is away: one file each, owned by one process, taken over by the next.

``<spool_dir>/<digest of the URL>/<process>/<time>-<number>-<spans>.otlp``, folders 0700 and files 0600. A file holds a
request's body as it would have been sent, behind a head with its checksum; no header and so no key is in it. The folder
of a process that is gone is not locked any more: whoever comes next for the same URL takes its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import time
import uuid
import zlib
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from llm_obs_core.errors import StoreError
from llm_obs_core.owned import OwnedFolder, sync_directory

__all__ = ["Kept", "Spool"]

MAGIC: Final = b"LLMOBSP1"
HEAD: Final = struct.Struct("<8sIIB")
"""Magic, CRC-32 of the body, spans, 1 when the body is gzip."""
SUFFIX: Final = ".otlp"
TRIES: Final = 5


class Kept(NamedTuple):
    """A request on disk: its file, how many spans it holds, its size in bytes."""

    path: Path
    spans: int
    nbytes: int


class Spool:
    """The requests of one process that wait on disk, oldest first.

    Args:
        folder: The option `spool_dir`.
        url: Where the requests go.
        max_bytes: Bound of all that waits in the folder for this URL, whoever wrote it.

    Raises:
        StoreError: The folder cannot be made, or others may write to it.
    """

    def __init__(self, folder: str, url: str, max_bytes: int) -> None:
        base = Path(folder).expanduser()
        self._top = base / hashlib.blake2b(url.encode(), digest_size=8).hexdigest()
        self._max_bytes = max_bytes
        self._files: deque[Kept] = deque()
        self._number = 0
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._top.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(
                "a folder that can be written", got=error.strerror or str(error), where=str(base)
            ) from None
        self._open()

    def _open(self) -> None:
        for attempt in range(TRIES):
            owned = OwnedFolder(
                self._top / f"{os.getpid()}-{uuid.uuid4().hex[:12]}",
                alone="a folder of its own",
                elsewhere="spool_dir",
            )
            try:
                owned.open(())
            except StoreError:  # somebody who looks for folders of the dead was there first
                if attempt == TRIES - 1:
                    raise
                continue
            break
        self._owned = owned
        state = self._top.stat()
        if state.st_uid != os.getuid() or state.st_mode & 0o022:
            self.close()
            raise StoreError(
                "a folder that only its owner may write to",
                got=f"mode {state.st_mode & 0o777:o}, owner {state.st_uid}",
                where=str(self._top),
                fix="chmod 700, or set spool_dir to another folder",
            )

    def __len__(self) -> int:
        return len(self._files)

    def put(self, body: bytes, encoding: str, spans: int) -> bool:
        """Keeps a request, durably; False when there is no room for it.

        Raises:
            OSError: The disk would not have it.
        """
        if self._used_bytes() + HEAD.size + len(body) > self._max_bytes:
            return False
        self._number += 1
        path = self._owned.path / f"{time.time_ns():020d}-{self._number:06d}-{spans}{SUFFIX}"
        part = path.with_suffix(".part")
        try:
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(HEAD.pack(MAGIC, zlib.crc32(body), spans, encoding == "gzip"))
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
            sync_directory(self._owned.path)
        except OSError:
            for left in (part, path):
                left.unlink(missing_ok=True)
            raise
        self._files.append(Kept(path, spans, HEAD.size + len(body)))
        return True

    def oldest(self) -> Kept | None:
        """The request that goes next."""
        return self._files[0] if self._files else None

    @staticmethod
    def read(kept: Kept) -> tuple[bytes, str]:
        """A request's body and its content encoding.

        Raises:
            OSError: The file is gone or cannot be read.
            ValueError: It is damaged.
        """
        data = kept.path.read_bytes()
        if len(data) < HEAD.size:
            raise ValueError("a file that is cut")
        magic, checksum, spans, packed = HEAD.unpack_from(data)
        body = data[HEAD.size :]
        if magic != MAGIC or spans != kept.spans or zlib.crc32(body) != checksum:
            raise ValueError("bytes that are not what was written")
        return body, "gzip" if packed else ""

    def remove(self, kept: Kept) -> None:
        """Forgets a request, which has come to its end."""
        if self._files and self._files[0] == kept:
            self._files.popleft()
        with contextlib.suppress(OSError):  # its spans are counted; a file that stays would be sent once more
            kept.path.unlink(missing_ok=True)

    def adopt(self) -> int:
        """Takes over what processes that are gone have left; how many spans that is."""
        spans = 0
        for folder in sorted(self._top.iterdir()):
            if folder == self._owned.path or not folder.is_dir() or folder.is_symlink():
                continue
            theirs = OwnedFolder(folder, alone="a folder that nobody holds", elsewhere="spool_dir")
            try:
                theirs.open(())
            except StoreError:  # its process lives
                continue
            try:
                for path in sorted(folder.glob(f"*{SUFFIX}")):
                    if (kept := self._adopted(path)) is not None:
                        spans += kept.spans
                sync_directory(self._owned.path)
                _clear(folder)
            finally:
                theirs.close()
        self._files = deque(sorted(self._files, key=lambda kept: kept.path.name))
        return spans

    def _adopted(self, path: Path) -> Kept | None:
        try:
            count = int(path.stem.rsplit("-", 1)[1])
            mine = self._owned.path / path.name
            if mine.exists():
                return None
            path.rename(mine)
            kept = Kept(mine, count, mine.stat().st_size)
        except (IndexError, ValueError, OSError):
            return None
        self._files.append(kept)
        return kept

    def _used_bytes(self) -> int:
        used = 0
        for path in self._top.glob(f"*/*{SUFFIX}"):
            with contextlib.suppress(OSError):  # another process has sent it meanwhile
                used += path.stat().st_size
        return used

    def after_fork(self) -> None:
        """A folder of its own for a forked child.

        Raises:
            StoreError: See `Spool`.
        """
        self._files.clear()
        self._owned.close()  # its lock stays with the parent
        self._open()

    def close(self) -> None:
        """Gives the folder back; what still waits in it is for the next process. May be called twice."""
        if not self._files:
            _clear(self._owned.path)
        self._owned.close()


def _clear(folder: Path) -> None:
    """Removes a folder of ours in which nothing waits."""
    for path in (*folder.glob("*.part"), folder / "lock"):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something waits after all
        folder.rmdir()
