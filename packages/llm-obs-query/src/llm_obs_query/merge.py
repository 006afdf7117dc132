"""Joining what several readers answer for different data: pages by position, sums by adding, traces by span."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from llm_obs_core.interfaces import (
    AggregateResult,
    Annotations,
    Coverage,
    StoredAnnotation,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceOutline,
    ValueCount,
)
from llm_obs_core.summary.columns import SUMMED_COLUMNS
from llm_obs_core.summary.fold import summarize
from llm_obs_core.sums import added

__all__ = [
    "Rows",
    "aggregates",
    "coverage",
    "outline_columns",
    "outlines",
    "rows",
    "said",
    "spans",
    "traces",
    "values",
    "values_of",
]


class Rows(NamedTuple):
    """A part of a list: each row with its cursor, in order; `next` is None at the list's end."""

    rows: list[tuple[Any, Any]]
    next: Any
    coverage: Coverage


def coverage(parts: Sequence[Coverage]) -> Coverage:
    """What all parts rest on: the least fresh, weighted as soon as one is."""
    fresh = [part.fresh_to_ns for part in parts]
    return Coverage(
        sources=tuple(dict.fromkeys(source for part in parts for source in part.sources)),
        tiers=tuple(dict.fromkeys(tier for part in parts for tier in part.tiers)),
        basis="exact" if all(part.basis == "exact" for part in parts) else "weighted",
        damaged=tuple(dict.fromkeys(name for part in parts for name in part.damaged)),
        fresh_to_ns=None if None in fresh else min((value for value in fresh if value is not None), default=None),
    )


def rows(parts: Sequence[Rows]) -> Rows:
    """The newest rows of all parts, none beyond the position up to which every reader has answered."""
    horizon = max((part.next for part in parts if part.next is not None), default=None)
    found = sorted((row for part in parts for row in part.rows), key=lambda row: row[0], reverse=True)
    if horizon is not None:
        found = [row for row in found if row[0] >= horizon]
    return Rows(found, horizon, coverage([part.coverage for part in parts]))


def traces(parts: Sequence[StoredTrace]) -> StoredTrace:
    """One trace out of its parts; a span that two stores hold is taken from the first."""
    if len(parts) == 1:
        return parts[0]
    ordered = _joined(part.spans for part in parts)
    whole = next((part.summary for part in parts if len(part.spans) == len(ordered)), None)
    if whole is None:
        whole = summarize(parts[0].summary.tenant, [stored.columns for stored in ordered])
    last = _last_said(row for part in parts for row in part.annotations)
    return StoredTrace(whole, ordered, coverage([part.coverage for part in parts]), last)


def outline_columns(columns: Sequence[str]) -> list[str]:
    """The columns to ask for so that `outlines` can join what comes."""
    return list(dict.fromkeys([*columns, "span_id", *SUMMED_COLUMNS]))


def outlines(parts: Sequence[TraceOutline]) -> TraceOutline:
    """One outline out of those of a trace's parts; of several, each must have `outline_columns`."""
    if len(parts) == 1:
        return parts[0]
    names = list(parts[0].columns)
    rows: dict[bytes, dict[str, Any]] = {}
    for part in parts:
        for values in zip(*(part.columns[name] for name in names), strict=True):
            row = dict(zip(names, values, strict=True))
            rows.setdefault(row["span_id"], row)
    ordered = sorted(rows.values(), key=lambda row: (row["start_ns"], row["span_id"]))
    whole = next((part.summary for part in parts if part.summary.span_count == len(ordered)), None)
    if whole is None:
        whole = summarize(parts[0].summary.tenant, ordered)
    joined = {name: [row[name] for row in ordered] for name in names}
    return TraceOutline(whole, joined, coverage([part.coverage for part in parts]))


def spans(parts: Sequence[StoredSpans]) -> StoredSpans:
    """Spans of one trace; one that two stores hold is taken from the first."""
    if len(parts) == 1:
        return parts[0]
    found = _joined(part.spans for part in parts)
    return StoredSpans(parts[0].tenant, found, coverage([part.coverage for part in parts]))


def _joined(parts: Iterable[Iterable[StoredSpan]]) -> tuple[StoredSpan, ...]:
    spans: dict[bytes, StoredSpan] = {}
    for part in parts:
        for stored in part:
            spans.setdefault(stored.span.span_id, stored)
    return tuple(sorted(spans.values(), key=lambda stored: (stored.span.start_ns, stored.span.span_id)))


def aggregates(parts: Sequence[AggregateResult]) -> AggregateResult:
    """Groups with equal keys and bucket become one: counts and sums added, histograms merged."""
    if len(parts) == 1:
        return parts[0]
    return AggregateResult(
        added(row for part in parts for row in part.rows), coverage([part.coverage for part in parts])
    )


def said(parts: Sequence[Annotations]) -> Annotations:
    """What was said last, by trace, span and key."""
    return Annotations(
        _last_said(row for part in parts for row in part.rows), coverage([part.coverage for part in parts])
    )


def _last_said(every: Iterable[StoredAnnotation]) -> tuple[StoredAnnotation, ...]:
    last: dict[tuple[str, bytes, bytes | None, str], StoredAnnotation] = {}
    for row in sorted(every, key=lambda row: (row.revision, row.received_ns)):
        last[row.tenant, row.trace_id, row.span_id, row.key] = row
    return tuple(sorted(last.values(), key=lambda row: (row.trace_id, row.span_id or b"", row.key, row.tenant)))


def values(parts: Sequence[Iterable[ValueCount]], first: int) -> tuple[ValueCount, ...]:
    """The commonest of all parts, equal values added up."""
    counts: Counter[str] = Counter()
    for part in parts:
        for value, requests in part:
            counts[value] += requests
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ValueCount(value, requests) for value, requests in ordered[:first])


def values_of(sums: AggregateResult, prefix: str, first: int) -> tuple[ValueCount, ...]:
    """The commonest values of a key, from the sums grouped by it."""
    counts: Counter[str] = Counter()
    for row in sums.rows:
        (key,) = row.keys
        text = str(key).lower() if isinstance(key, bool) else str(key)
        if key is not None and text.startswith(prefix):
            counts[text] += row.values["requests"]
    return values([[ValueCount(*item) for item in counts.items()]], first)
