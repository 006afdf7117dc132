"""What a trace's summary is and which traces a filter takes, in plain Python: the oracle beside the readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llm_obs_core.interfaces import TraceFilter, TraceSummary

from llm_obs_testing.rows import Row, is_call, is_error, model_of

__all__ = ["matches", "summarize"]


def summarize(tenant: str, rows: Sequence[Row]) -> TraceSummary:
    """The summary of a trace's spans (at least one).

    What is taken from one span is the earliest one's; of spans that start together the one with the smallest value.
    """
    ordered = sorted(rows, key=lambda row: row["start_ns"])
    first = ordered[0]
    named = min(ordered, key=_naming)
    calls = [row for row in ordered if is_call(row)]
    costs = [row["cost_nano_usd"] for row in calls if row["cost_nano_usd"] is not None]
    used = [row for row in calls if row["input_tokens"] is not None or row["output_tokens"] is not None]
    end_ns = max(row["start_ns"] + row["duration_ns"] for row in ordered)
    return TraceSummary(
        tenant=tenant,
        trace_id=first["trace_id"],
        start_ns=first["start_ns"],
        duration_ns=end_ns - first["start_ns"],
        name=named["name"],
        service=named["service"],
        has_root=named["parent_span_id"] is None,
        span_count=len(ordered),
        error_count=sum(map(is_error, ordered)),
        call_count=len(calls),
        input_tokens=sum(row["input_tokens"] or 0 for row in calls),
        output_tokens=sum(row["output_tokens"] or 0 for row in calls),
        cost_nano_usd=sum(costs) if costs else None,
        unpriced_calls=sum(row["cost_nano_usd"] is None for row in used),
        ttft_ns=min(map(_timing, calls))[2] if calls else None,
        models=tuple(sorted({model for row in ordered if (model := model_of(row)) is not None})),
        providers=tuple(sorted({row["provider"] for row in ordered if row["provider"] is not None})),
        user_id=_first(ordered, "user_id"),
        session_id=_first(ordered, "session_id"),
        application=_first(ordered, "application"),
    )


def _naming(row: Row) -> tuple[Any, ...]:
    """Roots before others, then the earliest; a null service is behind every name."""
    rootless = row["parent_span_id"] is not None
    return rootless, row["start_ns"], row["name"], row["service"] is None, row["service"] or ""


def _timing(row: Row) -> tuple[int, bool, int | None]:
    return row["start_ns"], row["ttft_ns"] is None, row["ttft_ns"]


def _first(rows: Sequence[Row], name: str) -> Any:
    found = min(((row["start_ns"], row[name]) for row in rows if row[name] is not None), default=None)
    return None if found is None else found[1]


def _lower(text: str) -> str:
    """Lower case, one code point for one."""
    return "".join(lower if len(lower := letter.lower()) == 1 else letter for letter in text)


_OF_SPANS = (
    "service",
    "environment",
    "application",
    "operation",
    "provider",
    "user_id",
    "session_id",
    "error_type",
    "finish_reason",
)
_OF_SUMMARY: dict[str, Callable[[TraceSummary, Any], bool]] = {
    "start_ns": lambda trace, value: trace.start_ns >= value,
    "end_ns": lambda trace, value: trace.start_ns < value,
    "trace_id": lambda trace, value: trace.trace_id.hex().startswith(value.lower()),
    "name": lambda trace, value: _lower(value) in _lower(trace.name),
    "error": lambda trace, value: (trace.error_count > 0) == value,
    "min_duration_ns": lambda trace, value: trace.duration_ns >= value,
    "max_duration_ns": lambda trace, value: trace.duration_ns <= value,
    "min_cost_nano_usd": lambda trace, value: trace.cost_nano_usd is not None and trace.cost_nano_usd >= value,
    "min_tokens": lambda trace, value: trace.input_tokens + trace.output_tokens >= value,
}


def matches(where: TraceFilter, trace: TraceSummary, rows: Sequence[Row]) -> bool:
    """Whether a trace meets every condition; one on spans is met by any span, different ones by different spans."""
    for name, check in _OF_SUMMARY.items():
        value = getattr(where, name)
        if value is not None and not check(trace, value):
            return False
    for name in _OF_SPANS:
        value = getattr(where, name)
        if value is not None and all(row[name] != value for row in rows):
            return False
    model = where.model
    return model is None or any(model in (row["request_model"], row["response_model"]) for row in rows)
