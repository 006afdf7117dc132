"""`llm-obs show`: one trace as a tree with its times, tokens, cost and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import StoredSpan, StoredTrace, TraceFilter
from llm_obs_core.model import StatusCode

from llm_obs.commands.output import GAP_COLUMNS, console, table
from llm_obs.conversation import said
from llm_obs.exact import trace_json
from llm_obs.human import clean, count, duration, moment, money
from llm_obs.options import json_option
from llm_obs.reading import Asking, read, reading_options
from llm_obs.waterfall import Line, bar, lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["show"]

ID_DIGITS = 32
MIN_BAR_COLUMNS = 10
MAX_BAR_COLUMNS = 60


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

    async def ask(asking: Asking) -> StoredTrace:
        if len(prefix) < ID_DIGITS:
            page = await asking.stores.find_traces(
                asking.scope, TraceFilter(trace_id=prefix), first=5, after=None, failed=asking.failed
            )
            found = sorted({item.trace_id for item in page.traces})
            if len(found) > 1:
                raise LlmObsError(
                    "the beginning of one trace's id",
                    got=f"{prefix}, which {'many' if page.next else len(found)} begin with",
                    fix=f"give more digits: {', '.join(item.hex()[: len(prefix) + 4] + '…' for item in found)}",
                )
            wanted = found[0] if found else None
        else:
            wanted = bytes.fromhex(prefix)
        whole = None if wanted is None else await asking.stores.trace(asking.scope, wanted, failed=asking.failed)
        if whole is None:
            raise LlmObsError(
                "a stored trace", got=f"none that begins with {prefix}", fix="take one of `llm-obs traces`"
            )
        return whole

    found = read(path, data_dir, tenants, ask, content=content)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(trace_json(found)), indent=2))
        return
    out = console()
    _print_summary(out, found)
    _print_tree(out, found)
    if content:
        _print_content(out, found)
    elif any(stored.content for stored in found.spans):
        out.print("\n--content shows the messages.", style="dim")


def _print_summary(out: Console, trace: StoredTrace) -> None:
    from rich.text import Text

    summary = trace.summary
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


def _print_tree(out: Console, trace: StoredTrace) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    summary = trace.summary
    drawn = list(lines(trace))
    facts = [
        (_length(line), _usage(line.stored), _cost(line.stored), _notes(line), clean(line.stored.span.name))
        for line in drawn
    ]
    name = max(len(line.branches) + cell_len(fact[4]) for line, fact in zip(drawn, facts, strict=True))
    notes = max(fact[3].cell_len for fact in facts)
    room = out.width - sum(max(6, *(len(fact[place]) for fact in facts)) for place in (0, 1, 2)) - 6 * GAP_COLUMNS
    name = min(name, max(min(room - 2 * MIN_BAR_COLUMNS, room // 2), MIN_BAR_COLUMNS))
    notes = min(notes, max((room - name) * 2 // 5, MIN_BAR_COLUMNS))
    columns = min(max(room - name - notes, MIN_BAR_COLUMNS), MAX_BAR_COLUMNS)
    made = table()
    made.add_column("span", overflow="ellipsis", no_wrap=True, width=name)
    made.add_column("time", no_wrap=True, width=columns)
    for head in ("", "tokens", "cost"):
        made.add_column(head, justify="right", no_wrap=True)
    made.add_column("", overflow="fold", width=notes)
    for line, (length, usage, cost, note, shown) in zip(drawn, facts, strict=True):
        span, style = line.stored.span, _style(line.stored)
        drawing = bar(span.start_ns, _duration_ns(line.stored), summary.start_ns, summary.duration_ns, columns)
        made.add_row(
            Text.assemble((line.branches, "dim"), (shown, style)), Text(drawing, style=style), length, usage, cost, note
        )
    out.print(made)


def _duration_ns(stored: StoredSpan) -> int:
    found = stored.columns["duration_ns"]
    assert isinstance(found, int)
    return found


def _length(line: Line) -> str:
    return duration(_duration_ns(line.stored))


def _usage(stored: StoredSpan) -> str:
    asked, answered = stored.columns["input_tokens"], stored.columns["output_tokens"]
    return f"{_tokens(asked)} → {_tokens(answered)}" if asked is not None or answered is not None else ""


def _cost(stored: StoredSpan) -> str:
    cost = stored.columns["cost_nano_usd"]
    if isinstance(cost, int):
        return money(cost)
    return "no price" if _usage(stored) and stored.columns["usage_role"] == "leaf" else ""


def _notes(line: Line) -> Text:
    from rich.text import Text

    row, span = line.stored.columns, line.stored.span
    notes = Text()
    if _failed(line.stored):
        what = str(row["error_type"] or "error")
        notes.append("✗ " + clean(what + (f": {span.status_message}" if span.status_message else "")), style="red")
    words = []
    if (model := row["response_model"] or row["request_model"]) and str(row["request_model"] or model) not in span.name:
        words.append(str(model))
    if (ttft := row["ttft_ns"]) is not None:
        words.append(f"first token {duration(int(ttft))}")
    if (reason := row["finish_reason"]) is not None and reason != "stop":
        words.append(f"finish {reason!s}")
    if line.orphan:
        words.append("parent not received")
    if words:
        notes.append(" " if notes else "").append(clean(" · ".join(words)), style="dim")
    return notes


def _print_content(out: Console, trace: StoredTrace) -> None:
    from rich.padding import Padding
    from rich.text import Text

    for line in lines(trace):
        if not line.stored.content:
            continue
        out.print()
        out.print(Text(clean(line.stored.span.name), style="bold " + _style(line.stored)))
        for item in line.stored.content:
            for message in said(item):
                colour = {"user": "green", "assistant": "cyan", "system": "magenta", "tool": "yellow"}.get(
                    message.who, ""
                )
                out.print(Text(f"  {clean(message.who)}", style=f"bold {colour}".strip()))
                out.print(Padding(Text(clean(message.text)), (0, 0, 0, 4), expand=False))


def _style(stored: StoredSpan) -> str:
    if _failed(stored):
        return "red"
    operation = stored.columns["operation"]
    if operation == "execute_tool":
        return "yellow"
    return "cyan" if operation is not None and stored.columns["usage_role"] in ("leaf", None) else "default"


def _failed(stored: StoredSpan) -> bool:
    return stored.span.status_code == StatusCode.ERROR or stored.columns["error_type"] is not None


def _tokens(value: object) -> str:
    return count(value) if isinstance(value, int) else "-"


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"
