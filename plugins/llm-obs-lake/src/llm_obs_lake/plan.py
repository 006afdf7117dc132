"""Which segments are merged, and which are dropped. Nothing is done here.

A segment is what the catalog has of one tenant and one range of Positions: up to five files. Neighbours are merged so
that each row moves into a segment at least twice as large; a day that is over is merged as far as it goes. Segments of
different days of arrival stay apart, so that retention can drop whole ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from llm_obs_lake.catalog import Segment
from llm_obs_lake.schema import Kind

__all__ = ["Unit", "expired", "merges", "units"]

_DAY_NS: Final = 86_400_000_000_000
_MOST: Final = 64
"""Segments merged at once: each has its files open."""
_COUNTED: Final[tuple[Kind, ...]] = ("spans", "measures", "annotations")


class Unit(NamedTuple):
    """The files that belong together."""

    files: dict[Kind, Segment]

    @property
    def head(self) -> Segment:
        """One of them, for what they have in common."""
        return next(iter(self.files.values()))

    @property
    def rows(self) -> int:
        """Its spans; its measures or annotations where there are more of them."""
        return max((self.files[kind].rows for kind in _COUNTED if kind in self.files), default=0)

    @property
    def arrived_ns(self) -> int:
        """When the last of it was received, else when its last span began."""
        return self.head.received_ns or max(file.max_start_ns for file in self.files.values())

    @property
    def day(self) -> int:
        """The day of arrival, UTC, days since 1970."""
        return self.arrived_ns // _DAY_NS


def units(segments: Iterable[Segment]) -> list[Unit]:
    """The segments of files, each tenant's and log's in order of Positions."""
    found: dict[tuple[str, str, int, str, int, int], Unit] = {}
    for segment in segments:
        found.setdefault(segment.unit, Unit({})).files[segment.kind] = segment
    return [found[key] for key in sorted(found)]


def expired(found: Iterable[Unit], before_ns: int) -> list[Unit]:
    """Those that arrived before a time."""
    return [unit for unit in found if unit.arrived_ns < before_ns]


def merges(found: Sequence[Unit], now_ns: int, *, at_once: int, max_rows: int) -> Iterator[list[Unit]]:
    """Groups of neighbours to be merged; no segment is in two of them.

    Args:
        found: As `units` returns them.
        now_ns: Unix nanoseconds.
        at_once: How many segments of like size are merged into one.
        max_rows: Most rows of a merged segment.
    """
    start = 0
    while start < len(found):
        run = _run(found, start, max_rows)
        over = found[start].day < now_ns // _DAY_NS
        size = len(run) if over else _balanced(run, at_once)
        if size >= 2:
            yield run[:size]
            start += size
        else:
            start += 1


def _run(found: Sequence[Unit], start: int, max_rows: int) -> list[Unit]:
    """Neighbours from a place on that fit into one segment."""
    first = found[start]
    run: list[Unit] = []
    rows = 0
    for unit in found[start : start + _MOST]:
        rows += unit.rows
        if unit.head.log != first.head.log or unit.day != first.day or rows > max_rows:
            break
        run.append(unit)
    return run


def _balanced(run: Sequence[Unit], at_once: int) -> int:
    """The most of them, at least `at_once`, of which none is larger than the others together; 0 when there are none."""
    best = rows = largest = 0
    for size, unit in enumerate(run, 1):
        rows += unit.rows
        largest = max(largest, unit.rows)
        if size >= at_once and 2 * largest <= rows:
            best = size
    return best
