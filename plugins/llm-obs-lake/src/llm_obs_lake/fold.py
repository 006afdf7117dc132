"""Partial summaries of traces: made from spans, and added up. One rule for the sink, the merge and the reader."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.model import StatusCode
from llm_obs_core.semconv import MODEL_CALLS
from llm_obs_core.summary.columns import SUMMARY_COLUMNS

from llm_obs_lake.arrow import id_numbers, numbers
from llm_obs_lake.schema import SCHEMAS

__all__ = ["fold", "fold_spans", "group_starts"]

_SCHEMA: Final = SCHEMAS["summaries"]
_LAST: Final = 2**63 - 1
_COLUMNS: Final = [column for column in SUMMARY_COLUMNS if column.name in _SCHEMA.names]
_SUMS: Final = [column for column in _COLUMNS if column.fold in ("count", "sum")]
_KNOWN_SUMS: Final = [column for column in _COLUMNS if column.fold == "sum_known"]
_SETS: Final = [column for column in _COLUMNS if column.fold == "set"]
_FOUND: Final = [
    (f"{column.name.removesuffix('_id')}_start_ns", column.name) for column in _COLUMNS if column.fold == "first"
]
Ints = npt.NDArray[np.int64]


class _Ranked(NamedTuple):
    """Texts as numbers in the order of the texts; null is behind all of them."""

    codes: npt.NDArray[np.int64]
    texts: pa.Array

    def take(self, codes: Ints) -> pa.Array:
        """The texts of codes."""
        return self.texts.take(pa.array(codes, mask=codes >= len(self.texts)))


def _ranked(column: pa.Array | pa.ChunkedArray) -> _Ranked:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = column.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    places = numbers(order).astype(np.int64)
    ranks = np.empty(len(places) + 1, dtype=np.int64)
    ranks[places] = np.arange(len(places))
    ranks[-1] = len(places)
    return _Ranked(ranks[numbers(encoded.indices, null=len(places))], encoded.dictionary.take(order))


def group_starts(traces: npt.NDArray[np.uint64]) -> npt.NDArray[np.intp]:
    """The first row of each trace, of rows sorted by trace."""
    changed = np.any(traces[1:] != traces[:-1], axis=1)
    return np.concatenate(([0], np.flatnonzero(changed) + 1)) if len(traces) else np.empty(0, dtype=np.intp)


class _Groups:
    """Neighbouring rows of one trace."""

    def __init__(self, starts: npt.NDArray[np.intp], rows: int) -> None:
        self.starts = starts
        self.of_row = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, rows)))

    def sum(self, values: npt.NDArray[Any]) -> Ints:
        return np.add.reduceat(values, self.starts, dtype=np.int64)

    def least(self, values: Ints) -> Ints:
        return np.minimum.reduceat(values, self.starts)

    def earliest(self, starts: Ints, *values: Ints) -> tuple[Ints, ...]:
        """The least of `starts`, and of the rows that have it the least of each value, one after the other."""
        found = [self.least(starts)]
        chosen = starts == found[0][self.of_row]
        for value in values:
            found.append(self.least(np.where(chosen, value, _LAST)))
            chosen &= value == found[-1][self.of_row]
        return tuple(found)


def _nullable(values: Ints, null: Ints | int = _LAST) -> pa.Array:
    return pa.array(values, mask=values == null)


def _sets(groups: _Groups, rows: npt.NDArray[np.int64], texts: pa.Array) -> pa.Array:
    """The distinct texts of each group, sorted; `rows` says whose each text is, nulls count as none."""
    ranked = _ranked(texts)
    width = len(ranked.texts)
    filled = ranked.codes < width
    pairs = np.sort(groups.of_row[rows[filled]] * width + ranked.codes[filled])
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    offsets = np.searchsorted(pairs, np.arange(len(groups.starts) + 1) * width).astype(np.int32)
    texts = ranked.texts.take(pa.array(pairs % width if width else pairs))
    return pa.ListArray.from_arrays(offsets, texts, type=_SCHEMA.field("models").type)


def _folded(traces: pa.Array, table: pa.Table, sets: dict[str, tuple[npt.NDArray[np.int64], pa.Array]]) -> pa.Table:
    starts = group_starts(id_numbers(traces))
    groups = _Groups(starts, len(traces))
    out: dict[str, pa.Array] = {"trace_id": traces.take(pa.array(starts))}
    out["start_ns"] = pa.array(groups.least(numbers(table["start_ns"])))
    out["end_ns"] = pa.array(np.maximum.reduceat(numbers(table["end_ns"]), starts))
    names, services = _ranked(table["name"]), _ranked(table["service"])
    rootless = 1 - numbers(table["has_root"]).astype(np.int64)
    found = groups.earliest(rootless, numbers(table["name_start_ns"]), names.codes, services.codes)
    out["has_root"] = pa.array(found[0] == 0)
    out["name_start_ns"] = pa.array(found[1])
    out["name"] = names.take(found[2])
    out["service"] = services.take(found[3])
    for column in _SUMS:
        out[column.name] = pa.array(groups.sum(numbers(table[column.name])))
    for column in _KNOWN_SUMS:
        known = groups.sum(numbers(table[column.name].is_valid()))
        out[column.name] = pa.array(groups.sum(numbers(table[column.name])), mask=known == 0)
    first_call, ttft = groups.earliest(numbers(table["call_start_ns"], _LAST), numbers(table["ttft_ns"], _LAST))
    out["call_start_ns"], out["ttft_ns"] = _nullable(first_call), _nullable(ttft)
    for name, (rows, texts) in sets.items():
        out[name] = _sets(groups, rows, texts)
    for start, name in _FOUND:
        ranked = _ranked(table[name])
        at, code = groups.earliest(numbers(table[start], _LAST), ranked.codes)
        out[start], out[name] = _nullable(at), ranked.take(code)
    return pa.Table.from_arrays([out[name] for name in _SCHEMA.names], schema=_SCHEMA)


def fold(partials: pa.Table) -> pa.Table:
    """Adds up the partial summaries of each trace.

    Args:
        partials: Rows of the summaries' schema, sorted by trace id.
    """
    if not len(partials):
        return partials
    table = partials.combine_chunks()
    sets = {}
    for column in _SETS:
        lists = table[column.name].combine_chunks()
        sets[column.name] = (numbers(pc.list_parent_indices(lists)).astype(np.int64), pc.list_flatten(lists))
    return _folded(table["trace_id"].combine_chunks(), table, sets)


def fold_spans(spans: pa.Table) -> pa.Table:
    """The summaries of spans.

    Args:
        spans: Rows with at least `SUMMED_COLUMNS` of the core's table of summaries, sorted by trace id.
    """
    if not len(spans):
        return _SCHEMA.empty_table()
    start_ns = numbers(spans["start_ns"])
    end_ns = start_ns + numbers(spans["duration_ns"])
    end_ns[end_ns < start_ns] = _LAST  # clocks of senders can be anywhere
    rows = _rows(spans)
    call = rows["calls"]
    columns: dict[str, Any] = {
        "start_ns": start_ns,
        "end_ns": end_ns,
        "has_root": rows["roots"],
        "name_start_ns": start_ns,
        "name": spans["name"],
        "service": spans["service"],
        "call_start_ns": pa.array(start_ns, mask=~call),
        "ttft_ns": pa.array(numbers(spans["ttft_ns"], _LAST), mask=~call),
    }
    for column in _SUMS:
        values = 1 if column.fold == "count" else numbers(spans[column.value])
        columns[column.name] = values * rows[column.rows].astype(np.int64)
    for column in _KNOWN_SUMS:
        known = rows[column.rows] & numbers(spans[column.value].is_valid())
        columns[column.name] = pa.array(numbers(spans[column.value]), mask=~known)
    for start, name in _FOUND:
        columns[start] = pa.array(start_ns, mask=numbers(spans[name].is_null()))
        columns[name] = spans[name]
    owners = np.arange(len(spans), dtype=np.int64)
    sets = {column.name: (owners, _texts(spans, column.value)) for column in _SETS}
    return _folded(spans["trace_id"].combine_chunks(), pa.table(columns), sets)


def _rows(spans: pa.Table) -> dict[str, npt.NDArray[np.bool_]]:
    """The core's `ROWS` of each span, for all spans at once."""
    leaf = pc.fill_null(pc.equal(spans["usage_role"], "leaf"), True)
    call = numbers(pc.and_(pc.is_in(spans["operation"], pa.array(MODEL_CALLS)), leaf))
    used = numbers(pc.or_(spans["input_tokens"].is_valid(), spans["output_tokens"].is_valid()))
    return {
        "all": np.ones(len(spans), dtype=np.bool_),
        "roots": numbers(spans["parent_span_id"].is_null()),
        "calls": call,
        "errors": (numbers(spans["status_code"]) == StatusCode.ERROR) | numbers(spans["error_type"].is_valid()),
        "unpriced": call & used & ~numbers(spans["cost_nano_usd"].is_valid()),
    }


def _texts(spans: pa.Table, name: str) -> pa.ChunkedArray:
    return pc.coalesce(spans["response_model"], spans["request_model"]) if name == "model" else spans[name]
