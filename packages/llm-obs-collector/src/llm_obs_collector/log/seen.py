"""Digests of trimmed segments, for as long as a resend is recognised: a file each, written before the segment goes.

magic "LOS2" · (sequence u64 · received_ns u64 · digest 16 bytes · slice u16 · tenant_bytes u8 · tenant)* · crc32c u32

"LOS1" had no slice.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from llm_obs_core.model import LogRecord
from llm_obs_core.owned import sync_directory
from llm_obs_core_ext.checksum import crc32c
from llm_obs_core_ext.segment import Header, headers, scan

from llm_obs_collector.log.directory import StreamDirectory
from llm_obs_collector.log.extra import extra_of

__all__ = ["Known", "Seen", "keep", "kept", "key_of", "seen_of"]

Known = tuple[str, bytes, int]
"""What a request's record is recognised by: tenant, digest, slice."""

MAGIC: Final = b"LOS2"
OLD_MAGIC: Final = b"LOS1"
UNKNOWN: Final = bytes(16)
"""The digest of what is not to be recognised."""
SUFFIX: Final = ".seen"
_ENTRY = struct.Struct("<QQ16sHB")
_OLD_ENTRY = struct.Struct("<QQ16sB")
_CRC = struct.Struct("<I")


class Seen(NamedTuple):
    """A record that was stored."""

    sequence: int
    received_ns: int
    digest: bytes
    slice: int
    tenant: str

    @property
    def key(self) -> Known:
        """What it is recognised by."""
        return self.tenant, self.digest, self.slice


def key_of(record: LogRecord) -> Known | None:
    """What a record is recognised by; None when it is not to be."""
    return None if record.digest == UNKNOWN else (record.tenant, record.digest, record.slice)


def seen_of(header: Header) -> Seen | None:
    """The same of a record on disk."""
    if header.digest == UNKNOWN:
        return None
    return Seen(header.sequence, header.received_ns, header.digest, extra_of(header.extra).slice, header.tenant)


def keep(directory: StreamDirectory, segment: Path, window_s: float) -> None:
    """Writes the digests of a segment that is about to be trimmed, and removes files whose digests are all too old."""
    horizon = time.time_ns() - int(window_s * 1e9)
    for path in directory.path.glob(f"*{SUFFIX}"):
        if max((item.received_ns for item in _read(path)), default=0) < horizon:
            path.unlink(missing_ok=True)
    data = bytearray(MAGIC)
    for header in _headers(segment):
        if header.received_ns >= horizon and (seen := seen_of(header)) is not None:
            tenant = seen.tenant.encode()
            data += _ENTRY.pack(*seen[:4], len(tenant)) + tenant
    if len(data) == len(MAGIC):
        return
    data += _CRC.pack(crc32c(bytes(data)))
    path = segment.with_suffix(SUFFIX)
    try:
        _write(path, data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _write_over(segment, path, data)
    sync_directory(directory.path)


def kept(directory: StreamDirectory) -> Iterator[Seen]:
    """Every digest that is kept; a file that is not whole is passed over: it can only cost a duplicate."""
    for path in sorted(directory.path.glob(f"*{SUFFIX}")):
        yield from _read(path)


def _write(path: Path, data: bytes | bytearray) -> None:
    temporary = path.with_suffix(".tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    temporary.rename(path)


def _write_over(segment: Path, path: Path, data: bytes | bytearray) -> None:
    """Where the disk has no block left, into the segment's own: every reader has passed what they held."""
    segment.rename(path)
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
        os.fsync(file.fileno())


def _headers(segment: Path) -> list[Header]:
    if not segment.exists() or not segment.stat().st_size:
        return []
    with segment.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            quick = headers(view)
            return [item for item in scan(view) if isinstance(item, Header)] if quick is None else quick
        finally:
            view.release()


def _read(path: Path) -> list[Seen]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    if len(data) < len(MAGIC) + _CRC.size or not data.startswith((MAGIC, OLD_MAGIC)):
        return []
    end = len(data) - _CRC.size
    if _CRC.unpack_from(data, end)[0] != crc32c(data[:end]):
        return []
    found: list[Seen] = []
    at = len(MAGIC)
    while at < end:
        if data.startswith(OLD_MAGIC):
            sequence, received_ns, digest, tenant_bytes = _OLD_ENTRY.unpack_from(data, at)
            at, part = at + _OLD_ENTRY.size, 0
        else:
            sequence, received_ns, digest, part, tenant_bytes = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size
        tenant = data[at : at + tenant_bytes].decode("utf-8", "replace")
        at += tenant_bytes
        found.append(Seen(sequence, received_ns, digest, part, tenant))
    return found
