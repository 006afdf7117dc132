"""`llm-obs sessions`: the sessions that ended last, as a table or exactly."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import msgspec
from llm_obs_core.interfaces import SessionQuery, SessionSummary

from llm_obs.commands.output import console, fit, table
from llm_obs.exact import session_json
from llm_obs.human import clean, count, duration, moment, money
from llm_obs.narrowing import narrowed, narrowing_options
from llm_obs.options import json_option
from llm_obs.reading import Asking, pages, read, reading_options

__all__ = ["sessions"]

WIDE_COLUMNS = 110
"""Narrower terminals go without the models, the length and the calls."""


@click.command()
@narrowing_options()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, those that ended last.")
@reading_options
@json_option
def sessions(
    path: str | None, data_dir: str | None, tenants: tuple[str, ...], limit: int, as_json: bool, **given: Any
) -> None:
    """List the sessions that ended last.

    Those with a trace that the options choose, each with the sums of all its traces.
    """
    wanted = narrowed(given)

    async def ask(asking: Asking) -> list[SessionSummary]:
        query = SessionQuery(*wanted)
        return await pages(asking, partial(asking.readers.find_sessions, asking.scope, query), "sessions", limit)

    found = read(path, data_dir, tenants, ask, content=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([session_json(item) for item in found]), indent=2))
    elif found:
        _print(found)
    elif wanted.all:
        click.echo("no sessions yet; spans say theirs as gen_ai.conversation.id")
    else:
        click.echo("no session matches; leave a condition out, or widen --since")


def _print(found: list[SessionSummary]) -> None:
    from rich.text import Text

    out = console()
    rows = [_cells(item) for item in found]
    if out.width < WIDE_COLUMNS:
        for row in rows:
            del row["models"], row["length"], row["calls"]
    fit(rows, ("session", "users", "models"), out.width)
    made = table()
    for head in rows[0]:
        numeric = head in ("length", "traces", "calls", "tokens", "cost", "errors")
        made.add_column(head, justify="right" if numeric else "left", no_wrap=True)
    for item, row in zip(found, rows, strict=True):
        styles = {"errors": "bold red" if item.error_count else "dim"}
        made.add_row(*(Text(text, style=styles.get(head, "")) for head, text in row.items()))
    out.print(made)
    if any(item.unpriced_calls for item in found):
        out.print("\n+ and ?: calls without a price; `llm-obs price PROVIDER MODEL` says more.", style="dim")


def _cells(item: SessionSummary) -> dict[str, str]:
    cost = money(item.cost_nano_usd)
    if item.unpriced_calls:
        cost = "?" if item.cost_nano_usd is None else cost + "+"
    return {
        "end": moment(item.end_ns),
        "session": clean(item.session_id),
        "users": clean(_some(item.users)),
        "models": clean(_some(item.models)),
        "length": duration(item.end_ns - item.start_ns),
        "traces": count(item.trace_count),
        "calls": count(item.call_count),
        "tokens": count(item.input_tokens + item.output_tokens),
        "cost": cost,
        "errors": count(item.error_count) if item.error_count else "-",
    }


def _some(names: tuple[str, ...]) -> str:
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "") if names else "-"
