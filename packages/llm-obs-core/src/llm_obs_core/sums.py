"""Adding up sums of measures: groups with equal keys become one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llm_obs_core import histogram
from llm_obs_core.interfaces.read import AggregateRow
from llm_obs_core.model import MEASURE_VALUES

__all__ = ["HISTOGRAMS", "SUMS", "added"]

SUMS: Final[tuple[str, ...]] = tuple(column.name for column in MEASURE_VALUES if column.type != "histogram")
HISTOGRAMS: Final[tuple[str, ...]] = tuple(column.name for column in MEASURE_VALUES if column.type == "histogram")


def added(rows: Iterable[AggregateRow]) -> tuple[AggregateRow, ...]:
    """One row for each keys and bucket: counts and sums added, histograms merged."""
    groups: dict[tuple[object, ...], list[AggregateRow]] = {}
    for row in rows:
        # 1 and True are equal in Python, and keys of different types are different groups
        identity = (tuple((type(key), key) for key in row.keys), row.bucket_ns)
        groups.setdefault(identity, []).append(row)
    return tuple(
        AggregateRow(
            keys=same[0].keys,
            bucket_ns=same[0].bucket_ns,
            values={name: sum(row.values[name] for row in same) for name in SUMS},
            duration_hist=histogram.merge(row.duration_hist for row in same),
            ttft_hist=histogram.merge(row.ttft_hist for row in same),
        )
        for same in groups.values()
    )
