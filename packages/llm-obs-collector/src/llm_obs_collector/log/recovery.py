"""Opening a log that may have been cut off: every sound record is found again, the torn end is cut away."""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import NamedTuple

from llm_obs_core.owned import sync_directory
from llm_obs_core_ext.segment import Damage, Header, headers, scan

from llm_obs_collector.log.directory import StreamDirectory
from llm_obs_collector.log.seen import Known, Seen, kept, seen_of
from llm_obs_collector.log.tally import Tally

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
        segments: Oldest first; empty files are gone. The newest was read whole.
        tally: The items of each sound record.
        recent: Requests within the window of recognition, to sequence and age in seconds.
        corrupt_records: Damaged places before the end of a segment.
        gaps: First and last of the sequences that are in no segment, though later ones are.
    """

    segments: list[Segment]
    tally: Tally
    recent: dict[Known, tuple[int, float]]
    corrupt_records: int
    gaps: list[tuple[int, int]]


def recover(directory: StreamDirectory, dedup_window_s: float) -> Recovered:
    """Reads every segment's headers and the newest segment whole."""
    files = directory.segments()
    segments: list[Segment] = []
    recent: dict[Known, tuple[int, float]] = {}
    tally = Tally()
    corrupt = 0
    gaps: list[tuple[int, int]] = []
    now_ns = time.time_ns()
    for seen in kept(directory):
        _remember(recent, seen, now_ns, dedup_window_s)
    for index, (first, path) in enumerate(files):
        newest = index == len(files) - 1
        below = None if newest else files[index + 1][0]
        found, damage, size = _read(path, first, whole=newest, below=below)
        while newest and len(damage) > 1 and damage[-2].end == damage[-1].start:
            damage[-2:] = [Damage(damage[-2].start, damage[-1].end, damage[-1].tail)]  # one write that was cut off
        for item in damage:
            if newest and item.tail:
                size = _cut(directory, path, item)
            else:
                corrupt += 1
                directory.keep_damage(path, item.start, path.read_bytes()[item.start : item.end])
        if below is not None and not damage and below > (end := found[-1].sequence + 1 if found else first):
            lost = path.read_bytes()[size:]  # the numbers that the next segment leaves out were here
            if lost:
                corrupt += 1
                damage.append(Damage(size, size + len(lost), True))
                directory.keep_damage(path, size, lost)
            else:
                gaps.append((end, below - 1))
        if not found and (newest or not damage):
            path.unlink()
            if newest and segments:
                return recover(directory, dedup_window_s)  # the one before it is the newest
            continue
        for header in found:
            tally.add(header.sequence, header.accepted)
            if (known := seen_of(header)) is not None:
                _remember(recent, known, now_ns, dedup_window_s)
        segments.append(Segment(path, first, tally.last, size))
        if newest:
            _make_durable(path)
    sync_directory(directory.path)
    return Recovered(segments, tally, recent, corrupt, gaps)


def _remember(recent: dict[Known, tuple[int, float]], item: Seen, now_ns: int, window_s: float) -> None:
    age_s = max(0.0, (now_ns - item.received_ns) / 1e9)
    if age_s < window_s:
        recent[item.key] = (item.sequence, age_s)


def _read(path: Path, first: int, *, whole: bool, below: int | None) -> tuple[list[Header], list[Damage], int]:
    size = path.stat().st_size
    if size == 0:
        return [], [], 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            if not whole and (quick := headers(view)) is not None:
                kept = [header for header in quick if below is None or header.sequence < below]
                return kept, [], kept[-1].end if kept else 0  # what was given up after them is not the log's
            every = scan(view, after=first - 1, below=below)
            found = [item for item in every if isinstance(item, Header)]
            damage = [item for item in every if isinstance(item, Damage)]
            return found, damage, every[-1].end if every else 0
        finally:
            view.release()


def _cut(directory: StreamDirectory, path: Path, item: Damage) -> int:
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
