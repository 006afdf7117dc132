"""Tables for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

__all__ = ["json_option", "show"]

PIPE_COLUMNS = 240
"""Width of a table that no terminal shows: wide enough for `grep`."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


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
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, name in enumerate(rows[0]):
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    console.print(table, markup=False)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(item)}" for name, item in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value)) or "-"
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value)
