"""Which files a list looks at: from the newest on, more and more of them, until there are enough rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from llm_obs_lake.catalog import Segment
from llm_obs_lake.schema import Kind
from llm_obs_lake.view import View

__all__ = ["FIRST_ROWS", "Window", "windows"]

FIRST_ROWS: Final = 262_144
"""Rows that the first look goes through; each further one through eight times as many."""
_WIDER: Final = 8


class Window(NamedTuple):
    """In these files is all of every trace, and every span, that starts at `start_ns` or later; None: at any time."""

    start_ns: int | None
    segments: list[Segment]


def windows(
    view: View, tenants: Sequence[str], kind: Kind, start_ns: int | None, before_ns: int | None, first_rows: int
) -> Iterator[Window]:
    """The windows that may have rows between two times; each holds the files of the one before it too.

    Args:
        view: The live files.
        tenants: Whose.
        kind: Of which kind.
        start_ns: Rows start then or later; None: at any time.
        before_ns: Rows start before; None: at any time.
        first_rows: Rows of the first window.
    """
    segments = [segment for tenant in tenants for segment in view.of(tenant, kind)]
    segments.sort(key=lambda segment: segment.max_start_ns, reverse=True)
    if start_ns is not None:
        segments = [segment for segment in segments if segment.max_start_ns >= start_ns]
    rows, limit = 0, first_rows
    for number, segment in enumerate(segments):
        if rows and rows + segment.rows > limit:
            from_ns = segment.max_start_ns + 1
            if before_ns is None or from_ns < before_ns:
                yield Window(from_ns, segments[:number])
            limit *= _WIDER
        rows += segment.rows
    if segments:
        yield Window(start_ns, segments)
