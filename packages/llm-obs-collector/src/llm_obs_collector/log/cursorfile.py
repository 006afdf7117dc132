"""One reader's cursor on disk: a small file whose blocks are there from the start, so that a full disk takes the next.

Two slots in pages of their own, written in turn: magic "LOC1" · sequence u64 · crc32c u32. A write that is cut off
spoils the older slot's page at most, and the greater sound one counts.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

from llm_obs_core.owned import sync_directory
from llm_obs_core_ext.checksum import crc32c

__all__ = ["make", "read", "write"]

MAGIC: Final = b"LOC1"
SLOT_BYTES: Final = 4_096
_ENTRY = struct.Struct("<4sQ")
_CRC = struct.Struct("<I")


def make(path: Path, sequence: int = 0) -> None:
    """A new file instead of whatever is there, all or nothing, durable with its name.

    Raises:
        OSError: The disk refuses.
    """
    temporary = path.with_suffix(".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(_slot(sequence).ljust(SLOT_BYTES, b"\0") + bytes(SLOT_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    temporary.rename(path)
    sync_directory(path.parent)


def read(path: Path) -> int | None:
    """The sequence, None when the file is missing or neither slot is sound."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return max((found for found in map(_sequence, _slots(data)) if found is not None), default=None)


def write(path: Path, sequence: int) -> None:
    """Makes a sequence durable, over the slot that holds less.

    Raises:
        OSError: The disk refuses.
    """
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    if len(data) != 2 * SLOT_BYTES:
        make(path, sequence)
        return
    first, second = (_sequence(slot) or 0 for slot in _slots(data))
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.pwrite(fd, _slot(sequence), 0 if first < second else SLOT_BYTES)
        os.fdatasync(fd)
    finally:
        os.close(fd)


def _slot(sequence: int) -> bytes:
    entry = _ENTRY.pack(MAGIC, sequence)
    return entry + _CRC.pack(crc32c(entry))


def _slots(data: bytes) -> tuple[bytes, bytes]:
    return data[:SLOT_BYTES], data[SLOT_BYTES:]


def _sequence(slot: bytes) -> int | None:
    if len(slot) < _ENTRY.size + _CRC.size:
        return None
    magic, sequence = _ENTRY.unpack_from(slot)
    (crc,) = _CRC.unpack_from(slot, _ENTRY.size)
    return int(sequence) if magic == MAGIC and crc == crc32c(slot[: _ENTRY.size]) else None
