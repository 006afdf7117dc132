"""`llm-obs show`: one trace as a tree with its times, tokens, cost and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import Condition
from llm_obs_core.interfaces import StoredSpan, StoredTrace, TraceOutline, TraceQuery, TraceSummary

from llm_obs.commands.output import console
from llm_obs.conversation import said
from llm_obs.exact import trace_json
from llm_obs.human import clean, count, duration, moment, money
from llm_obs.options import json_option
from llm_obs.reading import Asking, read, reading_options
from llm_obs.tree import DRAWN_COLUMNS, colour_of, print_tree
from llm_obs.waterfall import lines

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["show"]

ID_DIGITS = 32


@click.command()
@click.argument("trace")
@click.option("--content", is_flag=True, help="Show prompts, answers and tool arguments too.")
@reading_options
@json_option
def show(
    trace: str, content: bool, path: str | None, data_dir: str | None, tenants: tuple[str, ...], as_json: bool
) -> None:
    """Show one trace. TRACE is its id or the beginning of it, as `llm-obs traces` prints it."""
    prefix = trace.strip().lower()
    if not prefix or len(prefix) > ID_DIGITS or not set(prefix) <= set("0123456789abcdef"):
        raise LlmObsError(
            "a trace's id: up to 32 hexadecimal digits", got=repr(trace), fix="take one of `llm-obs traces`"
        )

    async def ask(asking: Asking) -> StoredTrace | TraceOutline:
        wanted = bytes.fromhex(prefix) if len(prefix) == ID_DIGITS else await _one_of(asking, prefix)
        found: StoredTrace | TraceOutline | None = None
        if wanted is not None and (content or as_json):
            found = await asking.readers.trace(asking.scope, wanted, failed=asking.failed)
        elif wanted is not None:
            found = await asking.readers.outline(asking.scope, wanted, DRAWN_COLUMNS, failed=asking.failed)
        if found is None:
            raise LlmObsError(
                "a stored trace", got=f"none that begins with {prefix}", fix="take one of `llm-obs traces`"
            )
        asking.note(found.coverage)
        return found

    found = read(path, data_dir, tenants, ask, content=content)
    if as_json and isinstance(found, StoredTrace):
        click.echo(msgspec.json.format(msgspec.json.encode(trace_json(found)), indent=2))
        return
    out = console()
    _print_summary(out, found.summary)
    if isinstance(found, StoredTrace):
        print_tree(out, found.summary, [stored.columns for stored in found.spans])
        _print_content(out, found.spans)
        return
    columns = found.columns
    print_tree(
        out, found.summary, [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    )
    if found.summary.call_count:
        out.print("\n--content shows the messages.", style="dim")


async def _one_of(asking: Asking, prefix: str) -> bytes | None:
    """The id that begins so.

    Raises:
        LlmObsError: Several do.
    """
    page = await asking.readers.find_traces(
        asking.scope,
        TraceQuery(Condition("trace_id", "starts_with", prefix)),
        first=5,
        after=None,
        failed=asking.failed,
    )
    found = sorted({item.trace_id for item in page.traces})
    if len(found) > 1:
        raise LlmObsError(
            "the beginning of one trace's id",
            got=f"{prefix}, which {'many' if page.next else len(found)} begin with",
            fix=f"give more digits: {', '.join(item.hex()[: len(prefix) + 4] + '…' for item in found)}",
        )
    return found[0] if found else None


def _print_summary(out: Console, summary: TraceSummary) -> None:
    from rich.text import Text

    out.print(Text.assemble((clean(summary.name), "bold"), ("  " + summary.trace_id.hex(), "dim")))
    facts = [
        moment(summary.start_ns),
        duration(summary.duration_ns),
        _many(summary.span_count, "span"),
        *([_many(summary.call_count, "model call")] if summary.call_count else []),
        *([f"{count(summary.input_tokens)} → {count(summary.output_tokens)} tokens"] if summary.call_count else []),
        *([money(summary.cost_nano_usd)] if summary.cost_nano_usd is not None else []),
        *([f"{_many(summary.unpriced_calls, 'call')} without a price"] if summary.unpriced_calls else []),
        *([f"first token after {duration(summary.ttft_ns)}"] if summary.ttft_ns is not None else []),
    ]
    line = Text(" · ".join(facts))
    if summary.error_count:
        line.append(" · ").append(_many(summary.error_count, "error"), style="bold red")
    out.print(line)
    whose = {
        "service": summary.service,
        "application": summary.application,
        "user": summary.user_id,
        "session": summary.session_id,
        "tenant": None if summary.tenant == "default" else summary.tenant,
    }
    if texts := [f"{name} {clean(value)}" for name, value in whose.items() if value]:
        out.print(" · ".join(texts), style="dim")
    if not summary.has_root:
        out.print("The root has not been received (yet).", style="yellow")
    out.print()


def _print_content(out: Console, spans: Sequence[StoredSpan]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    content = {stored.span.span_id: stored.content for stored in spans if stored.content}
    for line in lines([stored.columns for stored in spans]):
        if line.row["span_id"] not in content:
            continue
        out.print()
        out.print(Text(clean(line.row["name"]), style="bold " + colour_of(line.row)))
        for item in content[line.row["span_id"]]:
            for message in said(item):
                colour = {"user": "green", "assistant": "cyan", "system": "magenta", "tool": "yellow"}.get(
                    message.who, ""
                )
                out.print(Text(f"  {clean(message.who)}", style=f"bold {colour}".strip()))
                out.print(Padding(Text(clean(message.text)), (0, 0, 0, 4), expand=False))


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
