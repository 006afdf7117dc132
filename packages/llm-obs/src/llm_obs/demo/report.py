"""What the store says about the run, and whether it is what the provider counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from llm_obs_core.filter import Condition
from llm_obs_core.histogram import merge, quantile
from llm_obs_core.interfaces import AggregateQuery, AggregateRow, Reader, Scope, TraceQuery, TraceSummary
from llm_obs_testing.imitation import Entry, Ledger

__all__ = ["Difference", "Figures", "Report", "compare", "figures", "read"]

SCOPE: Final = Scope(("default",), content=True)
GROUPS: Final = ("model", "user_id", "application", "request_model", "error_type", "http_status")
FIELDS: Final = (
    ("requests", "calls"),
    ("errors", "errors"),
    ("input_tokens", "input_tokens"),
    ("cache_read", "cached_tokens"),
    ("output_tokens", "output_tokens"),
    ("output_reasoning", "reasoning_tokens"),
    ("cost_nano_usd", "nano_usd"),
    ("unpriced", "unpriced"),
)
"""Column of the store's measures, field of the provider's ledger."""

Keys = tuple[str | int | bool | None, ...]


class Figures(msgspec.Struct, frozen=True):
    """Sums and quantiles of some calls.

    Attributes:
        calls: Model calls.
        errors: Those that failed.
        input_tokens: Cached ones included.
        cached_tokens: Of the input.
        output_tokens: Reasoning included.
        reasoning_tokens: Of the output.
        nano_usd: Cost, nano-dollars.
        unpriced: Calls with usage and no price.
        duration_s: Quantiles of durations by name, seconds.
        ttft_s: Quantiles of times to the first token, seconds; of streams.
        tokens_per_s: Output tokens a second of generation.
    """

    calls: int
    errors: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    nano_usd: int
    unpriced: int
    duration_s: dict[str, float | None]
    ttft_s: dict[str, float | None]
    tokens_per_s: float | None


class Difference(msgspec.Struct, frozen=True):
    """One number on which store and provider do not agree."""

    model: str
    user: str
    field: str
    store: int
    provider: int


class Found(msgspec.Struct, frozen=True):
    """One trace: its id and its duration in seconds."""

    id: str
    duration_s: float


class Report(msgspec.Struct, frozen=True):
    """The whole answer of the store.

    Attributes:
        total: All calls.
        by_model: By the model asked for; dearest first.
        by_user: By user; dearest first.
        by_application: By application; dearest first.
        failures: Error type and HTTP status, with how often.
        traces: Traces in the store.
        example: A trace with an agent, two model calls and a tool.
        slowest: The slowest trace.
        differences: Where store and provider differ; empty when they agree exactly.
    """

    total: Figures
    by_model: dict[str, Figures]
    by_user: dict[str, Figures]
    by_application: dict[str, Figures]
    failures: tuple[tuple[str, int | None, int], ...]
    traces: int
    example: Found | None
    slowest: Found | None
    differences: tuple[Difference, ...]


async def read(reader: Reader, environment: str, ledger: Ledger, conversations: frozenset[str]) -> Report:
    """Asks the store about one environment.

    Args:
        reader: The store.
        environment: Deployment environment of the run.
        ledger: The provider's own account.
        conversations: Those that are worth being shown as an example.
    """
    asked = AggregateQuery(group_by=GROUPS, filter={"environment": (environment,)})
    rows = (await reader.aggregate(SCOPE, asked)).rows
    traces = (
        await reader.find_traces(SCOPE, TraceQuery(Condition("environment", "eq", environment)), first=1000)
    ).traces
    examples = [trace for trace in traces if trace.session_id in conversations and not trace.error_count]
    slowest = max(traces, key=lambda trace: trace.duration_ns, default=None)
    failed = _grouped(rows, lambda row: (row.keys[4], row.keys[5]) if row.values["errors"] else None)
    failures = [
        (str(kind), status, sum(row.values["errors"] for row in group)) for (kind, status), group in failed.items()
    ]
    return Report(
        total=figures(rows),
        by_model=_dearest(rows, 3),
        by_user=_dearest(rows, 1),
        by_application=_dearest(rows, 2),
        failures=tuple(sorted(failures, key=lambda found: -found[2])),
        traces=len(traces),
        example=_found(examples[0]) if examples else None,
        slowest=_found(slowest) if slowest else None,
        differences=compare(rows, ledger.of("openai")),
    )


def _found(trace: TraceSummary) -> Found:
    return Found(trace.trace_id.hex(), trace.duration_ns / 1e9)


def figures(rows: Iterable[AggregateRow]) -> Figures:
    """Adds rows up."""
    rows = list(rows)

    def total(name: str) -> int:
        return sum(row.values[name] for row in rows)

    generation_ns = total("generation_ns")
    return Figures(
        calls=total("requests"),
        errors=total("errors"),
        input_tokens=total("input_tokens"),
        cached_tokens=total("cache_read"),
        output_tokens=total("output_tokens"),
        reasoning_tokens=total("output_reasoning"),
        nano_usd=total("cost_nano_usd"),
        unpriced=total("unpriced"),
        duration_s=_quantiles(row.duration_hist for row in rows),
        ttft_s=_quantiles(row.ttft_hist for row in rows),
        tokens_per_s=total("generation_tokens") * 1e9 / generation_ns if generation_ns else None,
    )


def compare(rows: Sequence[AggregateRow], entries: Mapping[tuple[str, str], Entry]) -> tuple[Difference, ...]:
    """Every number, by model and user, on which the store's rows and the provider's entries differ."""
    store = _grouped(rows, lambda row: (row.keys[0], row.keys[1] or ""))
    provider = {key: entry for key, entry in entries.items() if entry.calls}
    found = []
    for model, user in sorted({*store, *provider}, key=str):
        group, entry = store.get((model, user), []), provider.get((str(model), str(user)), Entry())
        for column, field in FIELDS:
            ours, theirs = sum(row.values[column] for row in group), getattr(entry, field)
            if ours != theirs:
                found.append(Difference(str(model), str(user), field, ours, theirs))
    return tuple(found)


def _grouped(rows: Iterable[AggregateRow], key: Callable[[AggregateRow], Keys | None]) -> dict[Any, list[AggregateRow]]:
    found: dict[Any, list[AggregateRow]] = {}
    for row in rows:
        if (name := key(row)) is not None:
            found.setdefault(name, []).append(row)
    return found


def _dearest(rows: Sequence[AggregateRow], place: int) -> dict[str, Figures]:
    groups = {str(key[0]): figures(group) for key, group in _grouped(rows, lambda row: (row.keys[place],)).items()}
    return dict(sorted(groups.items(), key=lambda item: (-item[1].nano_usd, item[0])))


def _quantiles(histograms: Iterable[Mapping[int, int]]) -> dict[str, float | None]:
    merged = merge(histograms)
    return {
        name: None if (value := quantile(merged, q)) is None else value / 1e9
        for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
