"""The trace list: newest first, filtered, from the files of summaries.

Files are looked at from the newest on, until there are enough traces. A trace of which a part is in an older file
starts earlier than what was seen of it, so every trace found is added up from all its parts before it counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
from llm_obs_core.interfaces import Cursor, Scope, TraceFilter, TraceSummary

from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.fold import fold
from llm_obs_lake.schema import SCHEMAS, Kind
from llm_obs_lake.summary import summaries_of
from llm_obs_lake.view import View, relation

__all__ = ["FIRST_ROWS", "find_traces"]

FIRST_ROWS: Final = 262_144
"""Rows of summaries that the first look goes through; each further one through eight times as many."""
_WIDER: Final = 8

_COLUMNS: Final = (
    "trace_id", "start_ns", "end_ns", "has_root", "name_start_ns", "name", "error_count", "input_tokens",
    "output_tokens", "cost_nano_usd",
)  # fmt: skip
_OF_SUMS: Final = {
    "name": ("contains(lower(min(struct_pack(a := NOT has_root, b := name_start_ns, c := name)).c), lower({}))"),
    "min_duration_ns": "max(end_ns) - min(start_ns) >= {}",
    "max_duration_ns": "max(end_ns) - min(start_ns) <= {}",
    "min_cost_nano_usd": "sum(cost_nano_usd) >= {}",
    "min_tokens": "sum(input_tokens) + sum(output_tokens) >= {}",
    "error": "(sum(error_count) > 0) = {}",
}
_OF_SPANS: Final = {
    **{
        name: name + " = {}"
        for name in (
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
    },
    "model": "(request_model = {0} OR response_model = {0})",
}


class _Window(NamedTuple):
    """Which files are looked at: in them is all of every trace that starts at `start_ns` or later."""

    start_ns: int | None
    segments: list[Segment]


def find_traces(
    engine: Engine,
    view: View,
    scope: Scope,
    where: TraceFilter,
    first: int,
    after: Cursor | None,
    first_rows: int = FIRST_ROWS,
) -> list[TraceSummary]:
    """The first traces that match, in the order of `Cursor`; `first_rows` is for tests of large stores."""
    found: list[TraceSummary] = []
    prefix = _prefix(where.trace_id)
    if prefix is None or first <= 0:
        return found
    tenants = list(dict.fromkeys(scope.tenants))
    for window in _windows(view, tenants, where, first_rows):
        wanted = first
        while True:
            candidates = _candidates(engine, view, window, where, prefix, wanted, after)
            found = [item for item in _whole(engine, view, candidates) if _stays(item, window, after)]
            if len(found) >= first or len(candidates) < wanted:
                break
            wanted *= 2  # some of them start before the window
        if len(found) >= first:
            break
    return found[:first]


def _windows(view: View, tenants: Sequence[str], where: TraceFilter, first_rows: int) -> Iterator[_Window]:
    segments = [segment for tenant in tenants for segment in view.of(tenant, "summaries")]
    segments.sort(key=lambda segment: segment.max_start_ns, reverse=True)
    if where.start_ns is not None:
        segments = [segment for segment in segments if segment.max_start_ns >= where.start_ns]
    rows, limit = 0, first_rows
    for number, segment in enumerate(segments):
        if rows and rows + segment.rows > limit:
            yield _Window(segment.max_start_ns + 1, segments[:number])
            limit *= _WIDER
        rows += segment.rows
    if segments:
        yield _Window(where.start_ns, segments)


def _prefix(text: str | None) -> tuple[bytes, bytes] | None:
    """The least and the greatest trace id that begins so; None when none can."""
    digits = (text or "").lower()
    if len(digits) > 32 or digits.strip("0123456789abcdef"):
        return None
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def _candidates(
    engine: Engine,
    view: View,
    window: _Window,
    where: TraceFilter,
    prefix: tuple[bytes, bytes],
    limit: int,
    after: Cursor | None,
) -> list[tuple[str, bytes]]:
    """Tenant and id of the first traces of the window that match by what the window knows of them."""
    bound = Parameters()
    summed = [
        text.format(bound.bind(value)) for name, text in _OF_SUMS.items() if (value := getattr(where, name)) is not None
    ]
    before = [bound_ns for bound_ns in (where.end_ns, after and after.start_ns + 1) if bound_ns is not None]
    segments = window.segments
    row = ["true"]
    if before and not summed:
        segments = [segment for segment in segments if segment.min_start_ns < min(before)]
        row.append(f"start_ns < {bound.bind(min(before))}")
    if where.trace_id:
        row.append(f"trace_id BETWEEN {bound.bind(prefix[0])} AND {bound.bind(prefix[1])}")
    if not segments:
        return []
    having = ["true", *summed]
    if window.start_ns is not None:
        having.append(f"min(start_ns) >= {bound.bind(window.start_ns)}")
    if where.end_ns is not None:
        having.append(f"min(start_ns) < {bound.bind(where.end_ns)}")
    if after is not None:
        start_ns, trace_id, tenant = map(bound.bind, after)
        having.append(f"(min(start_ns), trace_id, tenant) < ({start_ns}, {trace_id}, {tenant})")
    if (spans := _spans(view, segments, window, where, bound)) is not None:
        row.append(f"(tenant, trace_id) IN ({spans})")
    source = relation(view, segments, _COLUMNS, bound, tenant=True)
    return engine.rows(
        f"SELECT tenant, trace_id FROM {source} WHERE {' AND '.join(row)} GROUP BY tenant, trace_id "
        f"HAVING {' AND '.join(having)} ORDER BY min(start_ns) DESC, trace_id DESC, tenant DESC LIMIT {int(limit)}",
        bound.values,
    )


def _spans(
    view: View, summaries: Sequence[Segment], window: _Window, where: TraceFilter, bound: Parameters
) -> str | None:
    """Traces with a span for each condition on spans; None when there is no such condition."""
    asked = {name: value for name in _OF_SPANS if (value := getattr(where, name)) is not None}
    if not asked:
        return None
    segments = [
        segment
        for tenant in dict.fromkeys(segment.tenant for segment in summaries)
        for segment in view.of(tenant, "spans")
        if window.start_ns is None or segment.max_start_ns >= window.start_ns
    ]
    if not segments:  # all of them are damaged
        return "SELECT NULL, NULL WHERE false"
    conditions = [_OF_SPANS[name].format(bound.bind(value)) for name, value in asked.items()]
    names = ["trace_id", "request_model", "response_model", *(name for name in _OF_SPANS if name != "model")]
    source = relation(view, segments, names, bound, tenant=True)
    if len(conditions) == 1:
        return f"SELECT DISTINCT tenant, trace_id FROM {source} WHERE {conditions[0]}"
    every = " AND ".join(f"bool_or({condition})" for condition in conditions)
    return f"SELECT tenant, trace_id FROM {source} WHERE {' OR '.join(conditions)} GROUP BY ALL HAVING {every}"


def _whole(engine: Engine, view: View, candidates: Sequence[tuple[str, bytes]]) -> list[TraceSummary]:
    """The candidates' summaries from all files, in order."""
    kind: Kind = "summaries"
    found: list[TraceSummary] = []
    for tenant in dict.fromkeys(tenant for tenant, _ in candidates):
        bound = Parameters()
        source = relation(view, view.of(tenant, kind), SCHEMAS[kind].names, bound)
        ids = bound.bind([trace_id for owner, trace_id in candidates if owner == tenant])
        partials = engine.table(
            f"SELECT * FROM {source} WHERE trace_id IN (SELECT unnest({ids})) ORDER BY trace_id",
            bound.values,
        )
        found += summaries_of(tenant, fold(_cast(partials, SCHEMAS[kind])))
    found.sort(key=_place, reverse=True)
    return found


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.select(schema.names).cast(schema)


def _place(trace: TraceSummary) -> Cursor:
    return Cursor(trace.start_ns, trace.trace_id, trace.tenant)


def _stays(trace: TraceSummary, window: _Window, after: Cursor | None) -> bool:
    """Whether a trace is where it was thought to be, now that all of it is known."""
    return (window.start_ns is None or trace.start_ns >= window.start_ns) and (after is None or _place(trace) < after)
