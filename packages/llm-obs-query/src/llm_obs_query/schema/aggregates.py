"""Sums over model calls, with distributions from merged histograms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import strawberry
from llm_obs_core import histogram, interfaces

from llm_obs_query.errors import UserError
from llm_obs_query.schema.common import Coverage
from llm_obs_query.schema.scalars import JSON, Int64

__all__ = ["Aggregate", "Recorded", "aggregate_rows"]


class Recorded:
    """What `Distribution` is read from: a sparse histogram with its exact count and sum."""

    __slots__ = ("count", "counts", "sum")

    def __init__(self, counts: Mapping[int, int], count: int, total: int) -> None:
        self.counts = counts
        self.count = count
        self.sum = total


def _mean(root: Recorded) -> float:
    return root.sum / root.count


def _quantile(root: Recorded, q: float) -> float:
    if not 0 <= q <= 1:
        raise UserError("a share between 0 and 1", got=str(q), where="q")
    return cast(float, histogram.quantile(root.counts, q))


def _p50(root: Recorded) -> float:
    return _quantile(root, 0.5)


def _p95(root: Recorded) -> float:
    return _quantile(root, 0.95)


def _p99(root: Recorded) -> float:
    return _quantile(root, 0.99)


@strawberry.type(description="Quantiles are within 1.6 % of the exact nearest rank.")
class Distribution:
    """Rows: `Recorded`."""

    count: Int64
    mean: float = strawberry.field(resolver=_mean)
    p50: float = strawberry.field(resolver=_p50)
    p95: float = strawberry.field(resolver=_p95)
    p99: float = strawberry.field(resolver=_p99)
    quantile: float = strawberry.field(resolver=_quantile)


@strawberry.type
class AggregateRow:
    """Rows: the values of a group by the names of `MEASURE_VALUES`, and what `aggregate_rows` adds."""

    keys: JSON = strawberry.field(description="One entry a name of groupBy, in camel case.")
    bucket_ns: Int64 | None
    requests: Int64
    errors: Int64
    error_rate: float
    input_tokens: Int64
    output_tokens: Int64
    input_uncached: Int64
    cache_read: Int64
    cache_write_5m: Int64 = strawberry.field(name="cacheWrite5m")
    cache_write_1h: Int64 = strawberry.field(name="cacheWrite1h")
    audio_in: Int64
    image_in: Int64
    output_text: Int64
    output_reasoning: Int64
    audio_out: Int64
    cost_nano_usd: Int64
    unpriced: Int64 = strawberry.field(description="Calls with usage that no price was known for.")
    duration: Distribution | None = strawberry.field(description="Nanoseconds; null when there was no call.")
    ttft: Distribution | None = strawberry.field(
        description="Time to first token, nanoseconds; null when no call had one."
    )
    tokens_per_second: float | None = strawberry.field(
        description="Output tokens a second of generation; null when there was none."
    )


@strawberry.type
class Aggregate:
    """The groups of one question."""

    rows: list[AggregateRow]
    coverage: Coverage


def aggregate_rows(names: tuple[str, ...], rows: tuple[interfaces.AggregateRow, ...]) -> list[AggregateRow]:
    """What `AggregateRow` reads its fields from, in a fixed order: by bucket, then the busiest first.

    Args:
        names: The names of `groupBy` in camel case.
        rows: Groups as the readers gave them.
    """
    ordered = sorted(rows, key=lambda row: (row.bucket_ns or 0, -row.values.get("requests", 0), str(row.keys)))
    return cast(list[AggregateRow], [_row(names, row) for row in ordered])


def _row(names: tuple[str, ...], row: interfaces.AggregateRow) -> dict[str, Any]:
    values = row.values
    requests = values["requests"]
    return {
        **values,
        "keys": dict(zip(names, row.keys, strict=True)),
        "bucket_ns": row.bucket_ns,
        "error_rate": values["errors"] / requests if requests else 0.0,
        "duration": Recorded(row.duration_hist, requests, values["duration_sum_ns"]) if requests else None,
        "ttft": Recorded(row.ttft_hist, values["ttft_count"], values["ttft_sum_ns"]) if values["ttft_count"] else None,
        "tokens_per_second": (
            values["generation_tokens"] * 1e9 / values["generation_ns"] if values["generation_ns"] else None
        ),
    }
