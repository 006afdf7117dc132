"""`llm-obs traces`: the newest traces, as a table or exactly."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
import msgspec
from llm_obs_core.interfaces import TraceQuery, TraceSummary

from llm_obs.commands.output import console, fit, table
from llm_obs.exact import summary_json
from llm_obs.human import clean, count, digits_apart, duration, moment, money
from llm_obs.narrowing import narrowed, narrowing_options
from llm_obs.options import json_option
from llm_obs.reading import Asking, pages, read, reading_options

__all__ = ["traces"]

WIDE_COLUMNS = 100
"""Narrower terminals go without the service, with one count of tokens, and mark what has errors beside its name."""


@click.command()
@narrowing_options()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest.")
@reading_options
@json_option
def traces(
    path: str | None, data_dir: str | None, tenants: tuple[str, ...], limit: int, as_json: bool, **given: Any
) -> None:
    """List the newest traces.

    Beside a running collector or without one.
    """
    wanted = narrowed(given)

    async def ask(asking: Asking) -> list[TraceSummary]:
        query = TraceQuery(*wanted)
        return await pages(asking, partial(asking.readers.find_traces, asking.scope, query), "traces", limit)

    found = read(path, data_dir, tenants, ask, content=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([summary_json(item) for item in found]), indent=2))
    elif found:
        _print(found)
    elif wanted.all:
        click.echo("no traces yet; `llm-obs up` receives them")
    else:
        click.echo("no trace matches; leave a condition out, or widen --since")


def _print(found: list[TraceSummary]) -> None:
    from rich.text import Text

    out = console()
    digits = digits_apart([item.trace_id.hex() for item in found])
    rows = [_cells(item, digits) if out.width >= WIDE_COLUMNS else _few_cells(item, digits) for item in found]
    fit(rows, ("name", "model", "service"), out.width)
    made = table()
    for head in rows[0]:
        numeric = head in ("duration", "tokens", "cost", "errors")
        made.add_column(
            head, justify="right" if numeric else "left", no_wrap=True, style="dim" if head == "trace" else ""
        )
    for item, row in zip(found, rows, strict=True):
        styles = {
            "errors": "bold red" if item.error_count else "dim",
            "name": ("red " if item.error_count else "") + ("" if item.has_root else "italic"),
        }
        made.add_row(*(Text(text, style=styles.get(head, "")) for head, text in row.items()))
    out.print(made)
    if any(not item.has_root for item in found):
        out.print("\nIn italics: the root has not come yet.", style="dim")
    if any(item.unpriced_calls for item in found):
        out.print("\n+ and ?: calls without a price; `llm-obs price PROVIDER MODEL` says more.", style="dim")


def _cells(item: TraceSummary, digits: int) -> dict[str, str]:
    models = list(item.models)
    cost = money(item.cost_nano_usd)
    if item.unpriced_calls:
        cost = "?" if item.cost_nano_usd is None else cost + "+"
    return {
        "start": moment(item.start_ns),
        "trace": item.trace_id.hex()[:digits],
        "name": clean(item.name),
        "service": clean(item.service or "-"),
        "model": clean(models[0] + (f" +{len(models) - 1}" if len(models) > 1 else "")) if models else "-",
        "duration": duration(item.duration_ns),
        "tokens": f"{count(item.input_tokens)} → {count(item.output_tokens)}" if item.call_count else "-",
        "cost": cost,
        "errors": count(item.error_count) if item.error_count else "-",
    }


def _few_cells(item: TraceSummary, digits: int) -> dict[str, str]:
    cells = _cells(item, digits)
    del cells["service"], cells["errors"]
    cells["name"] = ("✗ " if item.error_count else "") + cells["name"]
    cells["tokens"] = count(item.input_tokens + item.output_tokens) if item.call_count else "-"
    return cells
