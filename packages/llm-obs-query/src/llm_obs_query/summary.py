"""The summary of a trace whose spans came from several stores, none of which could make it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_core.interfaces import TraceSummary
from llm_obs_core.model import StatusCode

__all__ = ["SUMMARY_COLUMNS", "summary"]

Row = Mapping[str, Any]
SUMMARY_COLUMNS: Final = (
    "trace_id", "parent_span_id", "name", "start_ns", "duration_ns", "status_code", "service", "operation", "provider",
    "request_model", "response_model", "user_id", "session_id", "application", "input_tokens", "output_tokens",
    "usage_role", "cost_nano_usd", "ttft_ns", "error_type",
)  # fmt: skip
"""The columns that `summary` reads."""


def summary(tenant: str, rows: Sequence[Row]) -> TraceSummary:
    """What `TraceSummary` says of a trace.

    Args:
        tenant: Its tenant.
        rows: At least `SUMMARY_COLUMNS` of its spans, at least one.
    """
    ordered = sorted(rows, key=lambda row: row["start_ns"])
    start_ns = ordered[0]["start_ns"]
    named = min(ordered, key=_naming)
    calls = [row for row in ordered if row["operation"] in semconv.MODEL_CALLS and row["usage_role"] in (None, "leaf")]
    costs = [row["cost_nano_usd"] for row in calls if row["cost_nano_usd"] is not None]
    failed = [row for row in ordered if row["status_code"] == StatusCode.ERROR or row["error_type"] is not None]
    models = (row["request_model"] if row["response_model"] is None else row["response_model"] for row in ordered)
    return TraceSummary(
        tenant=tenant,
        trace_id=named["trace_id"],
        start_ns=start_ns,
        duration_ns=max(row["start_ns"] + row["duration_ns"] for row in ordered) - start_ns,
        name=named["name"],
        service=named["service"],
        has_root=named["parent_span_id"] is None,
        span_count=len(ordered),
        error_count=len(failed),
        call_count=len(calls),
        input_tokens=sum(row["input_tokens"] or 0 for row in calls),
        output_tokens=sum(row["output_tokens"] or 0 for row in calls),
        cost_nano_usd=sum(costs) if costs else None,
        unpriced_calls=sum(_used(row) and row["cost_nano_usd"] is None for row in calls),
        ttft_ns=min(map(_first_token, calls))[2] if calls else None,
        models=_distinct(models),
        providers=_distinct(row["provider"] for row in ordered),
        user_id=_earliest(ordered, "user_id"),
        session_id=_earliest(ordered, "session_id"),
        application=_earliest(ordered, "application"),
    )


def _naming(row: Row) -> tuple[Any, ...]:
    """A root before others, then the earliest; equal ones by name, without a service last."""
    service = row["service"]
    return row["parent_span_id"] is not None, row["start_ns"], row["name"], service is None, service or ""


def _used(row: Row) -> bool:
    return row["input_tokens"] is not None or row["output_tokens"] is not None


def _first_token(row: Row) -> tuple[int, bool, int | None]:
    """The earliest call; of those that start together the fastest."""
    return row["start_ns"], row["ttft_ns"] is None, row["ttft_ns"]


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value is not None}))


def _earliest(rows: Sequence[Row], name: str) -> str | None:
    """The value of the earliest row that has one; of rows that start together the smallest."""
    present = ((row["start_ns"], row[name]) for row in rows if row[name] is not None)
    return min(present, default=(0, None))[1]
