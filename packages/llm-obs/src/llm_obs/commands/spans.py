"""`llm-obs spans`: the newest spans of all traces, as a table or exactly."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import click
import msgspec
from llm_obs_core.interfaces import FoundSpan, SpanQuery
from llm_obs_core.summary.columns import is_error, model_of

from llm_obs.commands.output import console, fit, table
from llm_obs.exact import found_json
from llm_obs.human import clean, count, digits_apart, duration, moment, money
from llm_obs.narrowing import narrowed, narrowing_options
from llm_obs.options import json_option
from llm_obs.reading import Asking, pages, read, reading_options

__all__ = ["spans"]

WIDE_COLUMNS = 100
"""Narrower terminals go without the service and the kind of operation."""


@click.command()
@narrowing_options(spans=True)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest.")
@click.option("--content", is_flag=True, help="With --json: print prompts, answers and tool arguments too.")
@reading_options
@json_option
def spans(
    path: str | None,
    data_dir: str | None,
    tenants: tuple[str, ...],
    limit: int,
    content: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """List the newest spans of all traces.

    Beside a running collector or without one.
    """
    wanted = narrowed(given, spans=True)

    async def ask(asking: Asking) -> list[FoundSpan]:
        find = partial(asking.readers.find_spans, asking.scope, SpanQuery(*wanted), whole=as_json)
        return await pages(asking, find, "spans", limit)

    found = read(path, data_dir, tenants, ask, content=True)
    if as_json:
        rows = [found_json(item, content=content) for item in found]
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))
    elif found:
        _print(found)
    elif wanted.all:
        click.echo("no spans yet; `llm-obs up` receives them")
    else:
        click.echo("no span matches; leave a condition out, or widen --since")


def _print(found: list[FoundSpan]) -> None:
    from rich.text import Text

    out = console()
    digits = digits_apart([cast(bytes, item.columns["trace_id"]).hex() for item in found])
    rows = [_cells(item.columns, digits) for item in found]
    if out.width < WIDE_COLUMNS:
        for row in rows:
            del row["service"], row["operation"]
    fit(rows, ("name", "model", "service", "error"), out.width)
    made = table()
    for head in rows[0]:
        numeric = head in ("duration", "tokens", "cost")
        made.add_column(
            head, justify="right" if numeric else "left", no_wrap=True, style="dim" if head == "trace" else ""
        )
    for item, row in zip(found, rows, strict=True):
        styles = {"name": "red" if is_error(item.columns) else "", "error": "bold red"}
        made.add_row(*(Text(text, style=styles.get(head, "")) for head, text in row.items()))
    out.print(made)


def _cells(columns: dict[str, Any], digits: int) -> dict[str, str]:
    tokens = columns["input_tokens"], columns["output_tokens"]
    failed = "error" if is_error(columns) else "-"
    return {
        "start": moment(columns["start_ns"]),
        "trace": columns["trace_id"].hex()[:digits],
        "name": clean(columns["name"]),
        "service": clean(columns["service"] or "-"),
        "operation": clean(columns["operation"] or "-"),
        "model": clean(str(model_of(columns) or "-")),
        "duration": duration(columns["duration_ns"]),
        "tokens": "-" if tokens == (None, None) else " → ".join("-" if one is None else count(one) for one in tokens),
        "cost": money(columns["cost_nano_usd"]),
        "error": clean(columns["error_type"] or failed),
    }
