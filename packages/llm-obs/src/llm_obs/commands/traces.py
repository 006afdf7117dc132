"""`llm-obs traces`: the newest traces, as a table or exactly."""

from __future__ import annotations

import time
from typing import Any

import click
import msgspec
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Cursor, TraceFilter, TraceSummary

from llm_obs.commands.output import console, fit, table
from llm_obs.exact import summary_json
from llm_obs.human import NANO, clean, count, duration, moment, money, since_ns, span_ns
from llm_obs.options import json_option
from llm_obs.reading import Asking, read, reading_options

__all__ = ["traces"]

PAGE_ROWS = 1_000
WIDE_COLUMNS = 100
"""Narrower terminals go without the service, with one count of tokens, and mark what has errors beside its name."""


@click.command()
@click.option("--service", help="The root's or any span's service.")
@click.option("--model", help="Model asked for or that answered.")
@click.option("--provider", help="Provider, as in gen_ai.provider.name.")
@click.option("--operation", help="GenAI operation: chat, embeddings, execute_tool …")
@click.option("--user", help="The application's user.")
@click.option("--session", help="The conversation.")
@click.option("--application", help="The application.")
@click.option("--environment", help="Deployment environment.")
@click.option("--name", help="Part of the root's name, any case.")
@click.option("--trace", "prefix", help="Beginning of the trace's id, hexadecimal.")
@click.option("--error/--no-error", default=None, help="With an error, or without.")
@click.option("--error-type", help="A span's error type.")
@click.option("--finish-reason", help="A call's finish reason.")
@click.option("--since", help="Started since: 15m, 2h, 7d ago, or a time such as 2026-01-31T09:30.")
@click.option("--until", help="Started before: as --since.")
@click.option("--min-duration", help="Takes at least: 250ms, 1.5s, 2m.")
@click.option("--max-duration", help="Takes at most.")
@click.option("--min-cost", type=float, help="Costs at least, US dollars.")
@click.option("--min-tokens", type=int, help="Input and output tokens together, at least.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest.")
@reading_options
@json_option
def traces(
    path: str | None, data_dir: str | None, tenants: tuple[str, ...], limit: int, as_json: bool, **given: Any
) -> None:
    """List the newest traces.

    Beside a running collector or without one.
    """
    where = _filter(given)

    async def ask(asking: Asking) -> list[TraceSummary]:
        found: list[TraceSummary] = []
        after: Cursor | None = None
        while len(found) < limit:
            first = min(limit - len(found), PAGE_ROWS)
            page = await asking.stores.find_traces(asking.scope, where, first=first, after=after, failed=asking.failed)
            found += page.traces
            asking.note(page.coverage)
            after = page.next
            if after is None:
                break
        return found

    found = read(path, data_dir, tenants, ask)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([summary_json(item) for item in found]), indent=2))
    elif found:
        _print(found)
    elif where == TraceFilter():
        click.echo("no traces yet; `llm-obs up` receives them")
    else:
        click.echo("no trace matches; leave a condition out, or widen --since")


def _filter(given: dict[str, Any]) -> TraceFilter:
    now = time.time_ns()
    prefix = given["prefix"]
    if prefix is not None and (not set(prefix.lower()) <= set("0123456789abcdef") or len(prefix) > 32):
        raise LlmObsError("up to 32 hexadecimal digits", got=repr(prefix), where="--trace")
    return TraceFilter(
        start_ns=since_ns(given["since"], "--since", now) if given["since"] else None,
        end_ns=since_ns(given["until"], "--until", now) if given["until"] else None,
        trace_id=prefix.lower() if prefix else None,
        name=given["name"],
        service=given["service"],
        environment=given["environment"],
        application=given["application"],
        operation=given["operation"],
        provider=given["provider"],
        model=given["model"],
        user_id=given["user"],
        session_id=given["session"],
        error=given["error"],
        error_type=given["error_type"],
        finish_reason=given["finish_reason"],
        min_duration_ns=span_ns(given["min_duration"], "--min-duration") if given["min_duration"] else None,
        max_duration_ns=span_ns(given["max_duration"], "--max-duration") if given["max_duration"] else None,
        min_cost_nano_usd=round(given["min_cost"] * NANO) if given["min_cost"] is not None else None,
        min_tokens=given["min_tokens"],
    )


def _print(found: list[TraceSummary]) -> None:
    from rich.text import Text

    out = console()
    digits = _digits([item.trace_id.hex() for item in found])
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


def _digits(ids: list[str]) -> int:
    """How many digits tell these ids apart, at least eight."""
    return next((size for size in range(8, 32) if len({item[:size] for item in ids}) == len(set(ids))), 32)
