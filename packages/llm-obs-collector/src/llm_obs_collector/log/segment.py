"""A segment file read as records: what is sound, what is torn, what is corrupt. Nothing sound is ever given up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from llm_obs_collector.log.record import MAGIC, Header, body_is_whole, read_header

__all__ = ["Damage", "headers", "scan"]


class Damage(NamedTuple):
    """Bytes that are no sound record: the range, and whether it reaches the end (a write that was cut off)."""

    start: int
    end: int
    tail: bool


def scan(data: memoryview, *, below: int | None = None) -> Iterator[Header | Damage]:
    """Everything in a segment, in order.

    Args:
        data: The whole file.
        below: The first sequence of the next segment: records from there on were never acknowledged, because the
            segment was given up after a failed sync and their numbers were used again.
    """
    offset, last = 0, 0
    while offset < len(data):
        header = read_header(data, offset)
        if header is not None and header.sequence > last and body_is_whole(data, header):
            if below is not None and header.sequence >= below:
                return
            yield header
            offset, last = header.end, header.sequence
            continue
        after = header.end if header is not None and header.end <= len(data) else _next(data, offset + 1, last)
        end = len(data) if after is None else after
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


def _next(data: memoryview, start: int, last: int) -> int | None:
    """Where the next sound record begins; the search is bounded by the file."""
    blob = data.obj if isinstance(data.obj, bytes) and len(data.obj) == len(data) else bytes(data)
    while (start := blob.find(MAGIC, start)) >= 0:
        header = read_header(data, start)
        if header is not None and header.sequence > last and body_is_whole(data, header):
            return start
        start += 1
    return None
