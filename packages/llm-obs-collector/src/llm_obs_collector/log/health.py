"""Whether the log's disk takes what is written: asked by the readiness page, and after a commit that failed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["disk_trouble"]

MIN_FREE_BYTES: Final = 4 * 1024 * 1024
PROBE_BYTES: Final = 4096


def disk_trouble(folder: Path, *, probe: bool) -> str:
    """Why nothing can be written there; empty when it can.

    Args:
        folder: The log's folder.
        probe: Whether to write and sync a small file, which finds what the numbers do not show.
    """
    try:
        disk = os.statvfs(folder)
        if disk.f_flag & os.ST_RDONLY:
            return f"{folder} is on a read-only file system"
        free = disk.f_bavail * disk.f_frsize
        if free < MIN_FREE_BYTES:
            return f"{free} bytes are free on the disk of {folder}"
        if probe:
            _probe(folder / "probe.tmp")
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""


def _probe(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(fd, bytes(PROBE_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)
