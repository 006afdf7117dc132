"""The spans of a trace in a terminal: a line each with its place on the trace's time, tokens, cost and what went wrong.

Written as text, not by rich's tables, which take a millisecond a row: a trace may have 10,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click
from llm_obs_core.interfaces import TraceSummary
from llm_obs_core.model import StatusCode

from llm_obs.human import clean, count, duration, money
from llm_obs.waterfall import Line, Row, bar, lines

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["DRAWN_COLUMNS", "colour_of", "print_tree"]

DRAWN_COLUMNS: Final = (
    "span_id", "parent_span_id", "name", "start_ns", "duration_ns", "status_code", "status_message", "operation",
    "request_model", "response_model", "input_tokens", "output_tokens", "usage_role", "cost_nano_usd", "ttft_ns",
    "finish_reason", "error_type",
)  # fmt: skip
"""The columns that `print_tree` reads."""

GAP: Final = "  "
MIN_BAR_COLUMNS: Final = 10
MAX_BAR_COLUMNS: Final = 60
MIN_NUMBER_COLUMNS: Final = 6


class _Said(NamedTuple):
    """What is written beside a span's bar."""

    name: str
    length: str
    usage: str
    cost: str
    error: str
    notes: str


class _Widths(NamedTuple):
    """Columns of each part."""

    name: int
    bar: int
    length: int
    usage: int
    cost: int
    notes: int


def print_tree(out: Console, summary: TraceSummary, rows: Sequence[Row]) -> None:
    """Prints the spans.

    Args:
        out: Where to.
        summary: Of the trace.
        rows: At least `DRAWN_COLUMNS` of each span, by start time.
    """
    drawn = [(line, _said(line)) for line in lines(rows)]
    widths = _widths(drawn, out.width)
    written = [_head(widths), click.style("─" * (sum(widths) + len(GAP) * (len(widths) - 1)), dim=True)]
    for line, said in drawn:
        written += _lines(out, line, said, summary, widths)
    click.echo("\n".join(written), color=out.color_system is not None and not out.no_color)


def colour_of(row: Row) -> str:
    """Red what failed, yellow tools, cyan model calls."""
    if _failed(row):
        return "red"
    if row["operation"] == "execute_tool":
        return "yellow"
    return "cyan" if row["operation"] is not None and row["usage_role"] in ("leaf", None) else "default"


def _widths(drawn: Sequence[tuple[Line, _Said]], columns: int) -> _Widths:
    """Names get up to half of what numbers leave, notes two fifths of the rest, when they need as much."""
    length, usage, cost = (max(MIN_NUMBER_COLUMNS, *(len(said[place]) for _, said in drawn)) for place in (1, 2, 3))
    room = columns - length - usage - cost - 5 * len(GAP)
    longest = max(_cells(line.branches) + _cells(said.name) for line, said in drawn)
    name = min(longest, max(min(room - 2 * MIN_BAR_COLUMNS, room // 2), MIN_BAR_COLUMNS))
    notes = max(_cells(said.error) + bool(said.error and said.notes) + _cells(said.notes) for _, said in drawn)
    notes = min(notes, max((room - name) * 2 // 5, MIN_BAR_COLUMNS))
    return _Widths(name, min(max(room - name - notes, MIN_BAR_COLUMNS), MAX_BAR_COLUMNS), length, usage, cost, notes)


def _head(widths: _Widths) -> str:
    cells = ("span".ljust(widths.name), "time".ljust(widths.bar), "".rjust(widths.length))
    numbers = ("tokens".rjust(widths.usage), "cost".rjust(widths.cost))
    return click.style(GAP.join((*cells, *numbers)), bold=True)


def _lines(out: Console, line: Line, said: _Said, summary: TraceSummary, widths: _Widths) -> Iterator[str]:
    """The line of a span, and more of them where its notes are long."""
    row, colour = line.row, colour_of(line.row)
    branches = line.branches[: max(widths.name - 2, 0)]
    name = _fit(said.name, widths.name - len(branches))
    drawing = bar(row["start_ns"], row["duration_ns"], summary.start_ns, summary.duration_ns, widths.bar)
    error, notes = (_fold(out, text, widths.notes) for text in (said.error, said.notes))
    first = GAP.join(
        (
            (click.style(branches, dim=True) if branches else "") + _coloured(name, colour),
            _coloured(drawing.ljust(widths.bar)[: widths.bar], colour),
            said.length.rjust(widths.length),
            said.usage.rjust(widths.usage),
            said.cost.rjust(widths.cost),
        )
    )
    beside = [click.style(part, fg="red") for part in error] + [click.style(part, dim=True) for part in notes]
    if error and notes and len(error) == len(notes) == 1 and _cells(error[0] + notes[0]) < widths.notes:
        beside = [" ".join(beside)]
    yield first + GAP + beside[0] if beside else first.rstrip()
    before = " " * (sum(widths[:-1]) + len(GAP) * (len(widths) - 1))
    yield from (before + part for part in beside[1:])


def _fold(out: Console, text: str, columns: int) -> list[str]:
    """The text in lines of at most so many columns."""
    if _cells(text) <= columns:
        return [text] if text else []
    from rich.text import Text

    return [line.plain.rstrip() for line in Text(text).wrap(out, columns)]


def _said(line: Line) -> _Said:
    row = line.row
    asked, answered, cost = row["input_tokens"], row["output_tokens"], row["cost_nano_usd"]
    usage = "" if asked is None and answered is None else f"{_tokens(asked)} → {_tokens(answered)}"
    unpriced = "no price" if usage and row["usage_role"] == "leaf" else ""
    error = ""
    if _failed(row):
        message = row["status_message"]
        error = _one_line("✗ " + str(row["error_type"] or "error") + (f": {message}" if message else ""))
    words = []
    model, name = row["response_model"] or row["request_model"], _one_line(row["name"])
    if model and (row["request_model"] or model) not in name:
        words.append(model)
    if (ttft := row["ttft_ns"]) is not None:
        words.append(f"first token {duration(ttft)}")
    if (reason := row["finish_reason"]) is not None and reason != "stop":
        words.append(f"finish {reason}")
    if line.orphan:
        words.append("parent not received")
    return _Said(
        name, duration(row["duration_ns"]), usage, unpriced if cost is None else money(cost), error,
        _one_line(" · ".join(words)),
    )  # fmt: skip


def _failed(row: Row) -> bool:
    return row["status_code"] == StatusCode.ERROR or row["error_type"] is not None


def _tokens(value: Any) -> str:
    return count(value) if isinstance(value, int) else "-"


def _one_line(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


def _coloured(text: str, colour: str) -> str:
    return text if colour == "default" else click.style(text, fg=colour)


def _cells(text: str) -> int:
    """Columns that a terminal takes for a text."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def _fit(text: str, columns: int) -> str:
    """The text in exactly so many columns."""
    from rich.cells import set_cell_size

    wide = _cells(text)
    if wide <= columns:
        return text + " " * (columns - wide)
    return set_cell_size(text, max(columns - 1, 0)) + "…"
