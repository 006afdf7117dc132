"""Measures in plain Python: the oracle beside `SpanBatch.measures`, and the sums that readers answer with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llm_obs_core.histogram import bucket_index, merge
from llm_obs_core.interfaces import AggregateQuery, AggregateRow
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES

from llm_obs_testing.arrow import ArrowColumn, encode
from llm_obs_testing.rows import Row, is_call, is_error, model_of

__all__ = ["MINUTE_NS", "Measures", "aggregate", "key_value", "measure"]

MINUTE_NS = 60_000_000_000
_KEYS = [column.name for column in MEASURE_KEYS]
_SUMS = [column.name for column in MEASURE_VALUES if column.type != "histogram"]
_HISTOGRAMS = [column.name for column in MEASURE_VALUES if column.type == "histogram"]
_TOKENS = [column.name for column in MEASURE_VALUES if column.source == "sum" and column.name in _SUMS][:11]


class Measures:
    """Rows of measures as a `MeasureBatch`."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def columns(self) -> dict[str, ArrowColumn]:
        """Every key and value column."""
        found = {
            column.name: encode(column.type, [row[column.name] for row in self.rows])
            for column in (*MEASURE_KEYS, *MEASURE_VALUES)
            if column.type != "histogram"
        }
        for name in _HISTOGRAMS:
            sparse = [sorted(row[name].items()) for row in self.rows]
            found[f"{name}_index"] = encode("list<uint16>", [[index for index, _ in pairs] for pairs in sparse])
            found[f"{name}_count"] = encode("list<uint32>", [[count for _, count in pairs] for pairs in sparse])
        return found


def measure(rows: Iterable[Row]) -> Measures:
    """What the rows of spans measure: one row a key, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in filter(is_call, rows):
        minute = row["start_ns"] // MINUTE_NS * MINUTE_NS
        key = (minute, *(row[name] for name in _KEYS[1:]))
        groups.setdefault(key, []).append(row)
    return Measures([dict(zip(_KEYS, key, strict=True)) | _values(calls) for key, calls in groups.items()])


def _values(calls: list[Row]) -> Row:
    out: Row = {"requests": len(calls), "errors": sum(map(is_error, calls))}
    for name in _TOKENS:
        out[name] = sum(row[name] or 0 for row in calls)
    out["cost_nano_usd"] = sum(row["cost_nano_usd"] or 0 for row in calls)
    out["unpriced"] = sum(_has_usage(row) and row["cost_nano_usd"] is None for row in calls)
    timed = [row["ttft_ns"] for row in calls if row["ttft_ns"] is not None]
    out["duration_sum_ns"] = sum(row["duration_ns"] for row in calls)
    out["ttft_count"] = len(timed)
    out["ttft_sum_ns"] = sum(timed)
    generating = [row for row in calls if row["output_tokens"]]
    out["generation_tokens"] = sum(row["output_tokens"] for row in generating)
    out["generation_ns"] = sum(max(0, row["duration_ns"] - (row["ttft_ns"] or 0)) for row in generating)
    out["duration_hist"] = merge({bucket_index(row["duration_ns"]): 1} for row in calls)
    out["ttft_hist"] = merge({bucket_index(value): 1} for value in timed)
    return out


def _has_usage(row: Row) -> bool:
    return row["input_tokens"] is not None or row["output_tokens"] is not None


def key_value(row: Mapping[str, Any], name: str) -> Any:
    """A measures row's value of a key of `MEASURE_KEYS`, or of `model`."""
    return model_of(dict(row)) if name == "model" else row[name]


def aggregate(rows: Iterable[Row], query: AggregateQuery) -> Iterator[AggregateRow]:
    """The sums of the measures rows that match, group by group."""
    groups: dict[tuple[tuple[Any, ...], int | None], list[Row]] = {}
    start_ns = None if query.start_ns is None else query.start_ns // MINUTE_NS * MINUTE_NS
    for row in rows:
        minute = row["minute_ns"]
        if (start_ns is not None and minute < start_ns) or (query.end_ns is not None and minute >= query.end_ns):
            continue
        if not all(key_value(row, name) in wanted for name, wanted in query.filter.items()):
            continue
        bucket = None if query.interval_ns is None else minute // query.interval_ns * query.interval_ns
        groups.setdefault((tuple(key_value(row, name) for name in query.group_by), bucket), []).append(row)
    for (keys, bucket), members in groups.items():
        yield AggregateRow(
            keys,
            bucket,
            {name: sum(row[name] for row in members) for name in _SUMS},
            merge(row["duration_hist"] for row in members),
            merge(row["ttft_hist"] for row in members),
        )
