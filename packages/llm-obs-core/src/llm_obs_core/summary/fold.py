"""Folds rows by the tables of `columns`, in plain Python: small, and the same for whoever has rows at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from llm_obs_core.interfaces.read import SessionSummary, TraceSummary
from llm_obs_core.summary.columns import ROWS, SESSION_COLUMNS, SUMMARY_COLUMNS, SummaryColumn, model_of

__all__ = ["sessions_of", "summarize", "trace_fields"]

Row = Mapping[str, Any]

_STORED: Final = tuple(column for column in SUMMARY_COLUMNS if column.name in TraceSummary.__struct_fields__)


def summarize(tenant: str, rows: Sequence[Row]) -> TraceSummary:
    """The summary of a trace.

    Args:
        tenant: Its tenant.
        rows: At least `SUMMED_COLUMNS` of its spans, at least one span.
    """
    return TraceSummary(tenant=tenant, **_all_folded(_STORED, rows))


def trace_fields(trace: TraceSummary) -> dict[str, object]:
    """The fields `trace.<name>` of the filter language, by name."""
    fields = {name: getattr(trace, name) for name in TraceSummary.__struct_fields__}
    return fields | {"total_tokens": trace.input_tokens + trace.output_tokens}


def sessions_of(traces: Sequence[TraceSummary]) -> list[SessionSummary]:
    """The sessions of traces, newest first, as `SessionCursor` orders them.

    Args:
        traces: Every trace of the sessions; those without a session are passed over.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for trace in traces:
        if trace.session_id is not None:
            groups.setdefault((trace.tenant, trace.session_id), []).append(msgspec.structs.asdict(trace))
    found = [
        SessionSummary(tenant=tenant, **_all_folded(SESSION_COLUMNS, rows)) for (tenant, _), rows in groups.items()
    ]
    found.sort(key=lambda session: (session.end_ns, session.session_id, session.tenant), reverse=True)
    return found


def _all_folded(columns: Sequence[SummaryColumn], rows: Sequence[Row]) -> dict[str, Any]:
    chosen = {name: [row for row in rows if ROWS[name](row)] for name in {column.rows for column in columns}}
    return {column.name: _folded(column, chosen[column.rows]) for column in columns}


def _folded(column: SummaryColumn, rows: Sequence[Row]) -> Any:
    match column.fold:
        case "count":
            return len(rows)
        case "any":
            return bool(rows)
        case "max_end":
            return _end_ns(rows)
        case "extent":
            return _end_ns(rows) - min(row["start_ns"] for row in rows)
        case "naming":
            return min(rows, key=_naming)[column.value]
    values = [_value(row, column.value) for row in rows]
    known = [value for value in values if value is not None]
    match column.fold:
        case "min":
            return min(known)
        case "sum":
            return sum(known)
        case "sum_known":
            return sum(known) if known else None
        case "set":
            return tuple(sorted({one for value in known for one in (value if isinstance(value, tuple) else (value,))}))
        case "first":
            present = ((row["start_ns"], value) for row, value in zip(rows, values, strict=True) if value is not None)
            return min(present, default=(0, None))[1]
        case "of_first":
            ranked = ((row["start_ns"], value is None, value or 0) for row, value in zip(rows, values, strict=True))
            _, missing, value = min(ranked, default=(0, True, None))
            return None if missing else value


def _end_ns(rows: Sequence[Row]) -> int:
    return max(int(row["start_ns"] + row["duration_ns"]) for row in rows)


def _value(row: Row, name: str) -> Any:
    return model_of(row) if name == "model" else row[name]


def _naming(row: Row) -> tuple[Any, ...]:
    service = row["service"]
    return row["parent_span_id"] is not None, row["start_ns"], row["name"], service is None, service or ""
