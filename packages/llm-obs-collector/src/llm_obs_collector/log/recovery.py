"""Opening a log that may have been cut off: every sound record is found again, the torn end is cut away."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import NamedTuple

from llm_obs_collector.log.directory import LogDirectory, sync_directory
from llm_obs_collector.log.record import Header
from llm_obs_collector.log.segment import Damage, headers, scan

__all__ = ["Recovered", "Segment", "recover"]


class Segment(NamedTuple):
    """A segment that is no longer written: its file, its first and last sequence, its bytes."""

    path: Path
    first: int
    last: int
    size_bytes: int


class Recovered(NamedTuple):
    """What was found.

    Attributes:
        segments: Oldest first; empty files are gone.
        last_sequence: The greatest sequence of a sound record, 0 when there is none.
        recent: Requests within the window of recognition: (tenant, digest) to sequence and age in seconds.
        corrupt_records: Damaged places before the end of a segment.
        torn_bytes: Bytes cut from the end of the newest segment.
    """

    segments: list[Segment]
    last_sequence: int
    recent: dict[tuple[str, bytes], tuple[int, float]]
    corrupt_records: int
    torn_bytes: int


def recover(directory: LogDirectory, dedup_window_s: float) -> Recovered:
    """Reads every segment's headers and the newest segment whole."""
    files = directory.segments()
    segments: list[Segment] = []
    recent: dict[tuple[str, bytes], tuple[int, float]] = {}
    last = corrupt = torn = 0
    now_ns = time.time_ns()
    for place, (first, path) in enumerate(files):
        newest = place == len(files) - 1
        below = None if newest else files[place + 1][0]
        found, damage, size = _read(path, first, whole=newest, below=below)
        for item in damage:
            if newest and item.tail:
                torn += item.end - item.start
                size = _cut(directory, path, item)
            else:
                corrupt += 1
                directory.keep_damage(path, item.start, path.read_bytes()[item.start : item.end])
        if not found and (newest or not damage):
            path.unlink()
            continue
        for header in found:
            age_s = max(0.0, (now_ns - header.received_ns) / 1e9)
            if age_s < dedup_window_s:
                recent[header.tenant, header.digest] = (header.sequence, age_s)
        last = max(last, found[-1].sequence) if found else last
        segments.append(Segment(path, first, last, size))
        if newest:
            _make_durable(path)
    sync_directory(directory.path)
    return Recovered(segments, last, recent, corrupt, torn)


def _read(path: Path, first: int, *, whole: bool, below: int | None) -> tuple[list[Header], list[Damage], int]:
    size = path.stat().st_size
    if size == 0:
        return [], [], 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            if not whole and (quick := headers(view)) is not None:
                kept = [header for header in quick if below is None or header.sequence < below]
                return kept, [], kept[-1].end if kept else 0  # what was given up behind them is not the log's
            found: list[Header] = []
            damage: list[Damage] = []
            end = 0
            for item in scan(view, after=first - 1, below=below):
                (damage if isinstance(item, Damage) else found).append(item)  # type: ignore[arg-type]
                end = item.end
            return found, damage, end
        finally:
            view.release()


def _cut(directory: LogDirectory, path: Path, item: Damage) -> int:
    data = path.read_bytes()[item.start : item.end]
    if data.strip(b"\0"):
        directory.keep_damage(path, item.start, data)
    os.truncate(path, item.start)
    return item.start


def _make_durable(path: Path) -> None:
    """Syncs what a killed process may have left in the page cache: it is acknowledged again to senders that resend."""
    fd = os.open(path, os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
