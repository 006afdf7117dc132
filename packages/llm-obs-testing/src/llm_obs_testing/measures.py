"""Rows of measures, and the sums that readers answer with, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llm_obs_core.interfaces import AggregateQuery, AggregateRow, Rows
from llm_obs_core.model import MEASURE_KEYS
from llm_obs_core.summary.columns import model_of
from llm_obs_core.sums import HISTOGRAMS, SUMS, added

from llm_obs_testing.arrow import decode
from llm_obs_testing.rows import Row

__all__ = ["MINUTE_NS", "aggregate", "key_value", "measure_rows"]

MINUTE_NS = 60_000_000_000


def measure_rows(measures: Rows) -> list[Row]:
    """The rows of measures; a histogram as bucket index to count."""
    columns = {name: decode(column) for name, column in measures.columns().items()}
    names = [column.name for column in MEASURE_KEYS] + list(SUMS)
    rows: list[Row] = [dict(zip(names, values, strict=True)) for values in zip(*map(columns.get, names), strict=True)]
    for name in HISTOGRAMS:
        for row, index, count in zip(rows, columns[f"{name}_index"], columns[f"{name}_count"], strict=True):
            row[name] = dict(zip(index, count, strict=True))
    return rows


def key_value(row: Mapping[str, Any], name: str) -> Any:
    """A measures row's value of a key of `MEASURE_KEYS`, or of `model`."""
    return model_of(row) if name == "model" else row[name]


def aggregate(rows: Iterable[Row], query: AggregateQuery) -> tuple[AggregateRow, ...]:
    """The sums of the measures rows that match, group by group."""
    return added(_matching(rows, query))


def _matching(rows: Iterable[Row], query: AggregateQuery) -> Iterator[AggregateRow]:
    start_ns = None if query.start_ns is None else query.start_ns // MINUTE_NS * MINUTE_NS
    for row in rows:
        minute = row["minute_ns"]
        if (start_ns is not None and minute < start_ns) or (query.end_ns is not None and minute >= query.end_ns):
            continue
        if not all(key_value(row, name) in wanted for name, wanted in query.filter.items()):
            continue
        bucket = None if query.interval_ns is None else minute // query.interval_ns * query.interval_ns
        keys = tuple(key_value(row, name) for name in query.group_by)
        values = {name: row[name] for name in SUMS}
        yield AggregateRow(keys, bucket, values, row["duration_hist"], row["ttft_hist"])
