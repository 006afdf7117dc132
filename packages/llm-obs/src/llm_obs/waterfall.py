"""A trace's spans as the lines of a tree, each with its place on the trace's time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Line", "Row", "bar", "lines"]

Row = Mapping[str, Any]
"""Columns of a span by name; `lines` needs `span_id` and `parent_span_id`."""

EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


class Line(NamedTuple):
    """One span: the branches before its name, and whether its parent was not received."""

    branches: str
    orphan: bool
    row: Row


def lines(rows: Sequence[Row]) -> Iterator[Line]:
    """The spans depth first, children in the order of the rows; those without their parent stand at the top."""
    known = {row["span_id"] for row in rows}
    children: dict[bytes | None, list[Row]] = {}
    for row in rows:
        parent = row["parent_span_id"]
        children.setdefault(parent if parent in known and parent != row["span_id"] else None, []).append(row)
    seen: set[bytes] = set()
    roots = children.get(None, [])
    # Spans whose parents form a ring hang on none of the roots: each ring begins at its first span.
    for first in (*roots, *rows):
        stack = [(first, "", "")]
        while stack:
            row, before, behind = stack.pop()
            if row["span_id"] in seen:
                continue
            seen.add(row["span_id"])
            yield Line(before, before == "" and row["parent_span_id"] is not None, row)
            mine = [child for child in children.get(row["span_id"], ()) if child["span_id"] not in seen]
            for place, child in reversed(list(enumerate(mine))):
                last = place == len(mine) - 1
                stack.append((child, behind + ("└─ " if last else "├─ "), behind + ("   " if last else "│  ")))


def bar(start_ns: int, duration_ns: int, trace_start_ns: int, trace_duration_ns: int, width: int) -> str:
    """A span's part of the trace's time, in blocks of an eighth; never empty."""
    whole = max(trace_duration_ns, 1)
    first = min(max((start_ns - trace_start_ns) * width * 8 // whole, 0), width * 8 - 1)
    last = min(max((start_ns - trace_start_ns + duration_ns) * width * 8 // whole, first + 1), width * 8)
    column, into = divmod(first, 8)
    if into and last // 8 > column:  # there is no block that fills a cell's right part: begin with the next cell
        column, into = column + 1, 0
    full, rest = divmod(max(last - column * 8, 1), 8)
    return " " * column + "█" * full + (EIGHTHS[rest] if rest else "")
