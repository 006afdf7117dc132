"""A segment file read as records: what is sound, what is torn, what is corrupt. Nothing sound is ever given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from llm_obs_core.errors import StoreError

from llm_obs_collector.log.record import MAGIC, MIN_RECORD_BYTES, Header, body_is_whole, read_header

__all__ = ["Damage", "headers", "scan"]


class Damage(NamedTuple):
    """Bytes that are no sound record: the range, and whether it reaches the end (a write that was cut off)."""

    start: int
    end: int
    tail: bool


def scan(data: memoryview, *, after: int = 0, below: int | None = None) -> Iterator[Header | Damage]:
    """Everything in a segment, in order.

    Args:
        data: The whole file, or the rest of it from a record's start.
        after: The sequence before the first one in `data`.
        below: The first sequence of the next segment: records from there on were never acknowledged, because the
            segment was given up after a failed sync and their numbers were used again.
    """
    offset, last = 0, after
    while offset < len(data):
        header = read_header(data, offset)
        if header is not None and header.sequence > last and body_is_whole(data, header):
            if below is not None and header.sequence >= below:
                return
            yield header
            offset, last = header.end, header.sequence
            continue
        if header is None:
            end = _next(data, offset, last, below)
        else:  # its sound header says how far it reaches: what lies in its body is a sender's bytes, never a record
            end = min(header.end, len(data))
            last = max(last, header.sequence)
        yield Damage(offset, end, end >= len(data))
        offset = end


def headers(data: memoryview) -> list[Header] | None:
    """The headers alone, hopping over bodies; None when one of them is not sound and a full scan is needed."""
    found: list[Header] = []
    offset = 0
    while offset < len(data):
        header = read_header(data, offset)
        if header is None or header.end > len(data):
            return None
        found.append(header)
        offset = header.end
    return found


def _next(data: memoryview, damaged: int, last: int, below: int | None) -> int:
    """Where the next sound record begins behind a damaged header, or the end.

    The damaged record's payload may hold bytes that look like a record. So only a sequence is believed that the bytes
    passed over have room for: a greater one would hide the sound records that follow.
    """
    blob = data.obj if isinstance(data.obj, bytes) and len(data.obj) == len(data) else bytes(data)
    start = damaged + 1
    while (start := blob.find(MAGIC, start)) >= 0:
        greatest = last + 1 + (start - damaged) // MIN_RECORD_BYTES
        if below is not None:
            greatest = min(greatest, below - 1)
        try:
            header = read_header(data, start)
        except StoreError:  # of another format, where no record has to be
            header = None
        if header is not None and last < header.sequence <= greatest and body_is_whole(data, header):
            return start
        start += 1
    return len(data)
