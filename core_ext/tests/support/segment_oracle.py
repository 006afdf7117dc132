"""The record format once more, with `struct`: what the compiled one is compared with."""

from __future__ import annotations

import struct
from typing import NamedTuple

from llm_obs_core.model import LogRecord
from llm_obs_core_ext.checksum import crc32c_portable

HEAD = struct.Struct("<4sHBBBBHIQQ16sIIIIIIIIB")
TAIL = struct.Struct("<HHH")
LEAST_BYTES = 92


class Head(NamedTuple):
    """What is needed of a sound header."""

    sequence: int
    body: int
    end: int
    index: int
    size: int


def framed(
    record: LogRecord,
    sequence: int,
    codec: int,
    payload: bytes,
    *,
    extra: bytes = b"",
    group_index: int = 0,
    group_size: int = 1,
    version: int = 2,
) -> bytes:
    """One record; version 1 has neither group nor extra."""
    tenant = record.tenant.encode()
    names = TAIL.pack(group_index, group_size, len(extra)) + tenant + extra if version > 1 else tenant
    size = -(-(HEAD.size + len(names) + 4) // 8) * 8
    head = HEAD.pack(
        b"LOR1",
        size,
        version,
        record.kind,
        codec,
        0,
        0,
        record.partition,
        sequence,
        record.received_ns,
        record.digest,
        record.normalizer_version,
        record.prices_version,
        record.scrub_version,
        record.accepted,
        record.rejected,
        len(payload),
        len(record.payload),
        len(record.index),
        len(tenant),
    )
    head = (head + names).ljust(size - 4, b"\0")
    sealed = struct.pack("<I", crc32c_portable(head))
    body = record.index + payload
    return head + sealed + body + struct.pack("<I", crc32c_portable(sealed + body))


def header(data: bytes, at: int) -> Head | None:
    """A sound header, None where there is none."""
    if at + LEAST_BYTES > len(data) or data[at : at + 4] != b"LOR1":
        return None
    fields = HEAD.unpack_from(data, at)
    size, version, sequence, payload, index, tenant = (fields[i] for i in (1, 2, 8, 16, 18, 19))
    group_index, group_size, extra = TAIL.unpack_from(data, at + HEAD.size) if version > 1 else (0, 1, 0)
    names = HEAD.size + (TAIL.size if version > 1 else 0)
    body = at + size
    if size < names + tenant + extra + 4 or body > len(data) or group_index >= group_size:
        return None
    if struct.unpack_from("<I", data, body - 4)[0] != crc32c_portable(data[at : body - 4]):
        return None
    try:
        data[at + names : at + names + tenant].decode()
    except UnicodeDecodeError:
        return None
    return Head(sequence, body, body + index + payload + 4, group_index, group_size)


def whole(data: bytes, head: Head) -> bool:
    if head.end > len(data):
        return False
    return bool(struct.unpack_from("<I", data, head.end - 4)[0] == crc32c_portable(data[head.body - 4 : head.end - 4]))


def grouped(data: bytes, at: int) -> list[tuple[int, Head]] | None:
    """The records of a group that begins at `at` and is sound as a whole, with where each begins."""
    found: list[tuple[int, Head]] = []
    read = header(data, at)
    if read is None:
        return None
    first, size = read.sequence, read.size
    for index in range(size):
        read = header(data, at)
        if read is None or (read.index, read.size, read.sequence) != (index, size, first + index):
            return None
        if not whole(data, read):
            return None
        found.append((at, read))
        at = read.end
    return found


class Anchor:
    """The first of the sound neighbours that reach the end, looked for behind the first damaged header."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = -1
        self.sequence = 2**64

    def is_before(self, at: int, sequence: int) -> bool:
        """Whether a record with this sequence cannot be at `at`, before the anchor."""
        return at < self.at and sequence >= self.sequence

    def look(self, at: int) -> None:
        """Finds it, the first time."""
        if self.at >= 0:
            return
        self.at = len(self.data)
        while at < len(self.data):
            end, sequences = at, list[int]()
            while (read := header(self.data, end)) is not None and whole(self.data, read):
                if sequences and read.sequence != sequences[-1] + 1:
                    break
                sequences.append(read.sequence)
                end = read.end
            if sequences and end == len(self.data):
                self.at, self.sequence = at, sequences[0]
                return
            at = max(end, at + 1)


def scanned(data: bytes, after: int, below: int | None) -> list[tuple[str, int, int]]:
    """`("record" | "damage", start, end)` of everything in a segment."""
    found: list[tuple[str, int, int]] = []
    anchor = Anchor(data)
    at, last = 0, after
    while at < len(data):
        read = header(data, at)
        if read is not None and anchor.is_before(at, read.sequence):
            read = None
        group = grouped(data, at) if read is not None and read.sequence > last else None
        if group is not None and anchor.is_before(at, group[-1][1].sequence):
            read = group = None
        if group is not None:
            if below is not None and group[-1][1].sequence >= below:
                return found
            found += [("record", start, item.end) for start, item in group]
            last, at = group[-1][1].sequence, group[-1][1].end
            continue
        start = at
        if read is None:
            at = _next(data, at, last, below, anchor)
        else:
            if read.index and found and found[-1][0] == "damage" and found[-1][2] == start:
                start = found.pop()[1]
            at, last = _rest(data, read, at, last, below, anchor)
        found.append(("damage", start, at))
    return found


def _rest(data: bytes, read: Head, start: int, last: int, below: int | None, anchor: Anchor) -> tuple[int, int]:
    """Where what is left of a damaged group ends, and the greatest sequence up to there."""
    group, index = (read.size, read.sequence - read.index), read.index
    at, last = read.end, max(last, read.sequence)
    while at < len(data) and index < read.size - 1:
        member = header(data, at)
        if member is None:
            at = _next(data, at, last, below, anchor)
        elif anchor.is_before(at, member.sequence):
            break
        elif (member.size, member.sequence - member.index) == group and member.index > index:
            index, at, last = member.index, member.end, max(last, member.sequence)
        else:
            break
    return min(at, anchor.at if start < anchor.at else len(data)), last


def _next(data: bytes, damaged: int, last: int, below: int | None, anchor: Anchor) -> int:
    anchor.look(damaged + 1)
    for at in range(damaged + 1, len(data)):
        read = header(data, at)
        greatest = last + 1 + (at - damaged) // LEAST_BYTES
        if below is not None:
            greatest = min(greatest, below - 1)
        least = last + 1
        if at < anchor.at < len(data):
            greatest = min(greatest, anchor.sequence - 1)
            least += 1
        if read is not None and least <= read.sequence <= greatest and whole(data, read):
            return at
    return len(data)
