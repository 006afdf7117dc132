"""The record format once more, with `struct`: what the compiled one is compared with."""

from __future__ import annotations

import struct

from llm_obs_core.model import LogRecord
from llm_obs_core_ext.checksum import crc32c_portable

HEAD = struct.Struct("<4sHBBBBHIQQ16sIIIIIIIIB")
LEAST_BYTES = 92


def framed(record: LogRecord, sequence: int, codec: int, payload: bytes) -> bytes:
    tenant = record.tenant.encode()
    size = -(-(HEAD.size + len(tenant) + 4) // 8) * 8
    head = HEAD.pack(
        b"LOR1",
        size,
        1,
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
    head = (head + tenant).ljust(size - 4, b"\0")
    sealed = struct.pack("<I", crc32c_portable(head))
    body = record.index + payload
    return head + sealed + body + struct.pack("<I", crc32c_portable(sealed + body))


def header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Sequence, start of the body and end of a sound header's record."""
    if at + LEAST_BYTES > len(data) or data[at : at + 4] != b"LOR1":
        return None
    fields = HEAD.unpack_from(data, at)
    size, sequence, payload, index, tenant = fields[1], fields[8], fields[16], fields[18], fields[19]
    body = at + size
    if size < HEAD.size + tenant + 4 or body > len(data):
        return None
    if struct.unpack_from("<I", data, body - 4)[0] != crc32c_portable(data[at : body - 4]):
        return None
    try:
        data[at + HEAD.size : at + HEAD.size + tenant].decode()
    except UnicodeDecodeError:
        return None
    return sequence, body, body + index + payload + 4


def whole(data: bytes, body: int, end: int) -> bool:
    return end <= len(data) and struct.unpack_from("<I", data, end - 4)[0] == crc32c_portable(data[body - 4 : end - 4])


def scanned(data: bytes, after: int, below: int | None) -> list[tuple[str, int, int]]:
    """`("record" | "damage", start, end)` of everything in a segment."""
    found: list[tuple[str, int, int]] = []
    at, last = 0, after
    while at < len(data):
        read = header(data, at)
        if read is not None and read[0] > last and whole(data, *read[1:]):
            if below is not None and read[0] >= below:
                return found
            found.append(("record", at, read[2]))
            last, at = read[0], read[2]
            continue
        if read is None:
            end = _next(data, at, last, below)
        else:
            last, end = max(last, read[0]), min(read[2], len(data))
        found.append(("damage", at, end))
        at = end
    return found


def _next(data: bytes, damaged: int, last: int, below: int | None) -> int:
    for at in range(damaged + 1, len(data)):
        read = header(data, at)
        greatest = last + 1 + (at - damaged) // LEAST_BYTES
        if below is not None:
            greatest = min(greatest, below - 1)
        if read is not None and last < read[0] <= greatest and whole(data, *read[1:]):
            return at
    return len(data)
