"""Joining what several stores answer: pages by place, sums by adding, traces by span.

The stores are taken to hold different data (another time, another collector): sums are added. A trace or a span that
two of them hold is given once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from llm_obs_core import histogram
from llm_obs_core.interfaces import (
    AggregateResult,
    AggregateRow,
    Coverage,
    Cursor,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceOutline,
    TracePage,
    TraceSummary,
    ValueCount,
)

from llm_obs_query.summary import SUMMARY_COLUMNS, summary

__all__ = ["aggregates", "coverage", "outline_columns", "outlines", "pages", "spans", "traces", "values"]


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


def place(trace: TraceSummary) -> Cursor:
    """Where a trace stands in the list."""
    return Cursor(trace.start_ns, trace.trace_id, trace.tenant)


def pages(parts: Sequence[TracePage], first: int) -> TracePage:
    """The newest traces of all pages, none beyond the place up to which every store has answered."""
    if len(parts) == 1:
        return parts[0]
    horizon = max((part.next for part in parts if part.next is not None), default=None)
    found: dict[tuple[str, bytes], TraceSummary] = {}
    for trace in sorted((trace for part in parts for trace in part.traces), key=place, reverse=True):
        if horizon is not None and place(trace) < horizon:
            break
        found.setdefault((trace.tenant, trace.trace_id), trace)
    kept = tuple(found.values())[:first]
    more = horizon is not None or len(found) > first
    last = place(kept[-1]) if len(found) > first else horizon
    return TracePage(kept, last if more else None, coverage([part.coverage for part in parts]))


def traces(parts: Sequence[StoredTrace]) -> StoredTrace:
    """One trace out of its parts; a span that two stores hold is taken from the first."""
    if len(parts) == 1:
        return parts[0]
    ordered = _joined(part.spans for part in parts)
    whole = next((part.summary for part in parts if len(part.spans) == len(ordered)), None)
    if whole is None:
        whole = summary(parts[0].summary.tenant, [stored.columns for stored in ordered])
    return StoredTrace(whole, ordered, coverage([part.coverage for part in parts]))


def outline_columns(columns: Sequence[str]) -> list[str]:
    """The columns to ask for so that `outlines` can join what comes."""
    return list(dict.fromkeys([*columns, "span_id", *SUMMARY_COLUMNS]))


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
        whole = summary(parts[0].summary.tenant, ordered)
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
    groups: dict[tuple[Any, ...], list[AggregateRow]] = {}
    for part in parts:
        for row in part.rows:
            groups.setdefault((row.keys, row.bucket_ns), []).append(row)
    rows = tuple(
        AggregateRow(
            keys=keys,
            bucket_ns=bucket_ns,
            values={name: sum(row.values[name] for row in same) for name in same[0].values},
            duration_hist=histogram.merge(row.duration_hist for row in same),
            ttft_hist=histogram.merge(row.ttft_hist for row in same),
        )
        for (keys, bucket_ns), same in groups.items()
    )
    return AggregateResult(rows, coverage([part.coverage for part in parts]))


def values(parts: Sequence[Iterable[ValueCount]], first: int) -> tuple[ValueCount, ...]:
    """The commonest of all parts, equal values added up."""
    counts: Counter[str] = Counter()
    for part in parts:
        for value, requests in part:
            counts[value] += requests
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ValueCount(value, requests) for value, requests in ordered[:first])
