"""Reading a segment forwards, a few megabytes at a time, up to what is durable."""

from __future__ import annotations

import mmap
import os
from typing import Final, NamedTuple

from llm_obs_core.errors import StoreError
from llm_obs_core.model import Codec, LogRecord, RecordKind
from llm_obs_core_ext.segment import Damage, Header, headers, run, scan

from llm_obs_collector.log.codec import decompress
from llm_obs_collector.log.extra import RESENT, covers_of, extra_of, origin_of, unpack_resent
from llm_obs_collector.log.recovery import Segment

__all__ = ["READ_BYTES", "Batch", "read_last", "read_some"]

READ_BYTES = 8 * 1024 * 1024
KINDS: Final = frozenset(RecordKind)


class Batch(NamedTuple):
    """Records with their sequences, where to read on, and how many damaged places were passed."""

    records: list[tuple[int, LogRecord]]
    offset: int
    damaged: int


def read_some(writer: str, segment: Segment, offset: int, after: int, nbytes: int) -> Batch:
    """The next records of a segment.

    Args:
        writer: Of its Positions.
        segment: The file, and how many of its bytes are durable.
        offset: Where to begin, a record's start.
        after: Records up to this sequence are passed over.
        nbytes: About how much to read; one larger record is read whole.
    """
    records: list[tuple[int, LogRecord]] = []
    damaged = 0
    last = after if offset else segment.first - 1
    with segment.path.open("rb", buffering=0) as file:
        while offset < segment.size_bytes and not records:
            want = min(nbytes, segment.size_bytes - offset)
            data = memoryview(os.pread(file.fileno(), want, offset))
            found = run(data, after, last)
            records += [(header.sequence, _record(writer, data, header)) for header in found.headers]
            offset += found.end
            last = found.last
            damaged += found.damaged
            if found.end == 0 and want < segment.size_bytes - offset:
                nbytes *= 4  # a record larger than one read, or damage: look at more of it
            elif found.end == 0:
                more, damage = _past_damage(writer, data, after, last, segment.last)
                return Batch(records + more, segment.size_bytes, damaged + damage)
    return Batch(records, offset, damaged)


def _past_damage(
    writer: str, data: memoryview, after: int, last: int, newest: int
) -> tuple[list[tuple[int, LogRecord]], int]:
    records: list[tuple[int, LogRecord]] = []
    damaged = 0
    for item in scan(data, after=min(last, newest), below=newest + 1):
        if isinstance(item, Damage):
            damaged += 1
        elif item.sequence > after:
            records.append((item.sequence, _record(writer, data, item)))
    return records, damaged


def read_last(writer: str, segment: Segment) -> tuple[int, LogRecord] | None:
    """The last sound record of a segment, None when it has none."""
    if not segment.size_bytes or not segment.path.stat().st_size:
        return None
    with segment.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        data = memoryview(mapped)[: segment.size_bytes]
        try:
            found = headers(data)
            if not found or not run(data[found[-1 - found[-1].group_index].offset :], 0, 0).headers:
                found = [item for item in scan(data, after=segment.first - 1) if isinstance(item, Header)]
            return (found[-1].sequence, _record(writer, data, found[-1])) if found else None
        finally:
            data.release()


def _record(writer: str, data: memoryview, header: Header) -> LogRecord:
    start = header.body + header.index_bytes
    payload = decompress(bytes(data[start : start + header.payload_bytes]), Codec(header.codec), header.raw_bytes)
    extra = extra_of(header.extra)
    kind, target = header.kind, extra.target
    if kind == RESENT:
        kind = RecordKind.SPANS
        target, payload = unpack_resent(payload)
    elif kind not in KINDS:
        raise StoreError(
            "a kind of records that this version knows",
            got=f"kind {kind}",
            where=f"log record {header.sequence}",
            fix="start the version of llm-obs that wrote this log",
        )
    return LogRecord(
        kind=RecordKind(kind),
        tenant=header.tenant,
        received_ns=header.received_ns,
        digest=header.digest,
        accepted=header.accepted,
        rejected=header.rejected,
        payload=payload,
        index=bytes(data[header.body : start]),
        normalizer_version=header.normalizer_version,
        prices_version=header.prices_version,
        scrub_version=header.scrub_version,
        partition=header.partition,
        slice=extra.slice,
        target=target,
        origin=origin_of(extra),
        covers=covers_of(extra, writer, header.partition),
    )
