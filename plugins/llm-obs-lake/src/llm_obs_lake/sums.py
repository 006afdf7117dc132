"""Rows of measures with equal keys become one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES
from llm_obs_core_ext.groups import Groups

from llm_obs_lake.arrow import numbers
from llm_obs_lake.schema import SCHEMAS

__all__ = ["add_measures"]

_SCHEMA: Final = SCHEMAS["measures"]
_SUMS: Final = [column.name for column in MEASURE_VALUES if column.type != "histogram"]
_HISTOGRAMS: Final = [column.name for column in MEASURE_VALUES if column.type == "histogram"]
_BUCKETS: Final = 2**16
Numbers = npt.NDArray[Any]


def add_measures(measures: pa.Table) -> pa.Table:
    """Adds up the rows of equal keys; ordered by minute.

    Args:
        measures: Rows of the measures' schema.
    """
    if not len(measures):
        return measures
    table = measures.combine_chunks()
    groups, first = _groups(table)
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(first)))
    out = {column.name: table[column.name].take(pa.array(first)) for column in MEASURE_KEYS}
    for name in _SUMS:
        out[name] = pa.array(np.add.reduceat(numbers(table[name])[order], starts))
    for name in _HISTOGRAMS:
        out |= _histogram(table, name, groups, len(first))
    return pa.table([out[name] for name in _SCHEMA.names], schema=_SCHEMA)


def _groups(table: pa.Table) -> tuple[Numbers, Numbers]:
    """Each row's group, numbered in order of minutes, and a row of each group."""
    found = np.zeros(len(table), dtype=np.int64)
    for column in MEASURE_KEYS:
        encoded = table[column.name].combine_chunks().dictionary_encode()
        codes = numbers(encoded.indices, null=len(encoded.dictionary)).astype(np.int64)
        numbered = np.empty(len(table), dtype=np.int32)
        Groups().number((found << 32 | codes).data, numbered.data)
        found = numbered.astype(np.int64)
    first = np.empty(int(found.max()) + 1, dtype=np.int64)
    first[found[::-1]] = np.arange(len(table))[::-1]
    ranks = np.empty(len(first), dtype=np.int64)
    order = np.argsort(numbers(table["minute_ns"])[first], kind="stable")
    ranks[order] = np.arange(len(first))
    return ranks[found], first[order]


def _histogram(table: pa.Table, name: str, groups: Numbers, count: int) -> dict[str, pa.Array]:
    index, counts = (table[f"{name}_{part}"].combine_chunks() for part in ("index", "count"))
    of_row = groups[numbers(pc.list_parent_indices(index))]
    places = of_row * _BUCKETS + numbers(pc.list_flatten(index)).astype(np.int64)
    kept, inverse = np.unique(places, return_inverse=True)
    totals = np.zeros(len(kept), dtype=np.uint64)
    np.add.at(totals, inverse, numbers(pc.list_flatten(counts)).astype(np.uint64))
    offsets = np.searchsorted(kept, np.arange(count + 1) * _BUCKETS).astype(np.int32)
    values = {
        "index": pa.array((kept % _BUCKETS).astype(np.uint16)),
        "count": pa.array(np.minimum(totals, 2**32 - 1).astype(np.uint32)),
    }
    return {
        f"{name}_{part}": pa.ListArray.from_arrays(offsets, array, type=_SCHEMA.field(f"{name}_{part}").type)
        for part, array in values.items()
    }
