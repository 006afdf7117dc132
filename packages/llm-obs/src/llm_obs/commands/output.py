"""Tables for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from llm_obs.human import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["GAP_COLUMNS", "console", "fit", "show", "table"]

PIPE_COLUMNS = 240
"""Width of a table that no terminal shows: wide enough for `grep`."""

GAP_COLUMNS = 2
MIN_COLUMNS = 8


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    """Prints rows that have the same keys.

    Args:
        rows: Key to value; in a table the keys are the heads.
        as_json: Whether to print one JSON array.
        empty: What to say when there is nothing.
    """
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
        return
    if not rows:
        click.echo(empty)
        return
    made = table()
    for place, name in enumerate(rows[0]):
        made.add_column(name.replace("_", " "), overflow="fold", no_wrap=place == 0)
    for row in rows:
        made.add_row(*(clean(_cell(value)) for value in row.values()))
    console().print(made)


def console() -> Console:
    """Where tables go: markup in what senders wrote is text; a pipe is as wide as any row needs."""
    from rich.console import Console

    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = PIPE_COLUMNS
    return made


def table() -> Table:
    """A table in the style of the house."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP_COLUMNS - 1, 0, 0))


def fit(rows: Sequence[dict[str, str]], soft: Sequence[str], columns: int) -> None:
    """Shortens texts until a table of these rows fits.

    Args:
        rows: Key to text, all with the same keys; changed in place.
        soft: The keys whose texts may be cut, those that suffer least first.
        columns: The width there is.
    """
    from rich.cells import cell_len, set_cell_size

    widths = {key: max(cell_len(key), *(cell_len(row[key]) for row in rows)) for key in rows[0]}
    excess = sum(widths.values()) + GAP_COLUMNS * len(widths) - columns
    soft = [key for key in soft if key in widths]
    while excess > 0 and (widest := max(soft, key=widths.__getitem__)) and widths[widest] > MIN_COLUMNS:
        widths[widest] -= 1
        excess -= 1
    for row in rows:
        for key in soft:
            if cell_len(row[key]) > widths[key]:
                row[key] = set_cell_size(row[key], widths[key] - 1).rstrip() + "…"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)
