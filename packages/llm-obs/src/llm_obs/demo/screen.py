"""The summary as a screen for people; it fits 80 columns and uses up to 120."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from llm_obs.demo.report import Figures, Found, Report
from llm_obs.demo.run import Outcome

__all__ = ["show"]

ACCENT: Final = "cyan"
QUIET: Final = "bright_black"
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
WIDE: Final = 112
MAX_WIDTH: Final = 120


def show(console: Console, outcome: Outcome, *, stays: bool) -> None:
    """Prints the summary.

    Args:
        console: Where to.
        outcome: What the run brought.
        stays: Whether the page stays up, so that it is worth saying what to try next.
    """
    report: Report = outcome.report
    width = min(console.width, MAX_WIDTH)
    wide = width >= WIDE
    by_model, by_user = _by_model(report, bar=10 if wide else 8), _by_user(report, bar=10 if wide else 20)
    tables: RenderableType = Group(by_model, Text(), by_user)
    if wide:
        beside = Table.grid(padding=(0, 4, 0, 0))
        beside.add_row(by_model, by_user)
        tables = beside
    parts = [_headline(outcome), _cards(report.total, wide), tables, _facts(outcome)]
    if stays:
        parts.append(_next(outcome))
    for part in parts:
        console.print()
        console.print(part, width=width)


def _headline(outcome: Outcome) -> RenderableType:
    title = Text.assemble(("llm-obs ", f"bold {ACCENT}"), ("saw a help desk at work", "bold"))
    said = f"{outcome.report.traces} traces with {outcome.spans} spans in {outcome.application_s:.0f} s"
    return Group(
        Rule(title, align="left", style=ACCENT), Text(f"{said}, summary after {outcome.elapsed_s:.0f} s", QUIET)
    )


def _cards(total: Figures, wide: bool) -> RenderableType:
    rate = total.errors / total.calls if total.calls else 0.0
    duration, ttft = total.duration_s, total.ttft_s
    cards = [
        ("calls", f"{total.calls:,}", f"{_compact(total.input_tokens + total.output_tokens)} tokens"),
        ("errors", f"{rate:.1%}", f"{total.errors} calls failed"),
        ("latency P50", _seconds(duration["p50"]), f"P95 {_seconds(duration['p95'])}, P99 {_seconds(duration['p99'])}"),
        ("first token P50", _seconds(ttft["p50"]), f"P95 {_seconds(ttft['p95'])}"),
        ("speed", f"{total.tokens_per_s or 0:,.0f} tokens/s", "of each answer"),
        ("cost", _usd(total.nano_usd), f"{_share(total.cached_tokens, total.input_tokens)} of input cached"),
    ]
    grid = Table.grid(expand=True, padding=(0, 1))
    rows = [cards] if wide else [cards[:3], cards[3:]]
    for name, *_ in rows[0]:
        grid.add_column(ratio=4 if name.startswith("latency") else 3, no_wrap=True)
    for place, row in enumerate(rows):
        if place:
            grid.add_row()
        grid.add_row(*(Text(name, style=QUIET) for name, _, _ in row))
        grid.add_row(*(Text(said, style="bold red" if name == "errors" and rate else "bold") for name, said, _ in row))
        grid.add_row(*(Text(more, style=QUIET) for _, _, more in row))
    return Panel(grid, box=box.ROUNDED, border_style=QUIET, padding=(0, 1))


def _by_model(report: Report, bar: int) -> RenderableType:
    table = _table("by model", "calls", "failed", "tokens", "P95", "TTFT", "cost", bar=bar)
    dearest = _dearest(report.by_model)
    for name, found in report.by_model.items():
        tokens = _compact(found.input_tokens + found.output_tokens)
        times = (_seconds(found.duration_s["p95"]), _seconds(found.ttft_s["p50"]))
        table.add_row(
            name, str(found.calls), _failed(found), tokens, *times, _usd(found.nano_usd), _bar(found, dearest, bar)
        )
    return table


def _by_user(report: Report, bar: int) -> RenderableType:
    table = _table("by user", "calls", "failed", "cost", bar=bar)
    dearest = _dearest(report.by_user)
    for name, found in report.by_user.items():
        table.add_row(name, str(found.calls), _failed(found), _usd(found.nano_usd), _bar(found, dearest, bar))
    return table


def _table(title: str, *columns: str, bar: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style=QUIET, padding=(0, 1, 0, 0))
    table.add_column(title, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=bar)
    return table


def _failed(found: Figures) -> Text:
    return Text(str(found.errors), style="red") if found.errors else Text("·", style=QUIET)


def _dearest(groups: Mapping[str, Figures]) -> int:
    return max((found.nano_usd for found in groups.values()), default=0)


def _bar(found: Figures, most: int, width: int) -> Text:
    eighths = round(found.nano_usd * width * 8 / most) if most else 0
    return Text(EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip(), style=ACCENT)


def _facts(outcome: Outcome) -> RenderableType:
    facts = Table.grid(padding=(0, 1))
    facts.add_column(no_wrap=True)
    facts.add_column(no_wrap=True, style="bold")
    facts.add_column()
    report = outcome.report
    if report.failures:
        said = [f"{count} × {kind}" + (f" ({status})" if status else "") for kind, status, count in report.failures]
        facts.add_row(Text("✗", style="red"), "failed", ", ".join(said))
    facts.add_row(*_agreement(outcome))
    return facts


def _agreement(outcome: Outcome) -> tuple[RenderableType, str, RenderableType]:
    report, total = outcome.report, outcome.report.total
    if report.differences:
        shown = [
            f"{item.field} of {item.model} for {item.user or 'nobody'}: {item.store:,} here, {item.provider:,} there"
            for item in report.differences[:3]
        ]
        said = f"{len(report.differences)} numbers are not the provider's own: " + "; ".join(shown)
        return Text("!", style="bold yellow"), "ledger", said
    tokens = total.input_tokens + total.output_tokens
    text = Text.assemble(
        f"{total.calls:,} calls, {tokens:,} tokens and {_usd_exactly(total.nano_usd)} ",
        "agree exactly with the provider's own count",
        (f" of {outcome.attempts} requests", QUIET),
    )
    return Text("✓", style="green"), "ledger", text


def _next(outcome: Outcome) -> RenderableType:
    page, report = outcome.page, outcome.report
    steps = Table.grid(padding=(0, 2))
    steps.add_column(style=f"bold {ACCENT}", no_wrap=True)
    steps.add_column(overflow="fold")
    took = f" took {report.slowest.duration_s:.1f} s" if report.slowest else " is slow"
    init = f'import llm_obs; llm_obs.init(endpoint="http://{outcome.addresses["http"]}")'
    slow = f"llm-obs show {report.slowest.id[:8]} --data-dir {outcome.data_dir}" if report.slowest else "llm-obs traces"
    for number, what, how in (
        ("1", "Read a conversation with its tool call: the card number in it is gone", _address(page, report.example)),
        ("2", f"Find out why one ticket{took}", slow),
        ("3", "Record a program of your own that uses openai", init),
    ):
        steps.add_row(number, Text.assemble(what, "\n", (how, QUIET)))
    head = Text.assemble("The page is at ", (page, f"bold underline {ACCENT}"))
    return Panel(
        Group(head, Text(), steps),
        title="next",
        title_align="left",
        box=box.ROUNDED,
        border_style=ACCENT,
        padding=(1, 2),
    )


def _address(page: str, trace: Found | None) -> str:
    return f"{page}traces/{trace.id}" if trace else f"{page}traces"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s"


def _usd(nano: int) -> str:
    return f"${nano / 1e9:.4f}"


def _usd_exactly(nano: int) -> str:
    return f"${nano // 10**9}.{nano % 10**9:09d}"


def _compact(count: int) -> str:
    return f"{count / 1000:,.0f}k" if count >= 10_000 else f"{count:,}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "0%"
