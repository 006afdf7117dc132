"""Sums and values from measures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import AggregateQuery, AggregateRow, Scope, ValueCount
from llm_obs_core.model import MEASURE_KEYS

from llm_obs_lake.catalog import Segment
from llm_obs_lake.decoded import HISTOGRAMS, KEYS, SUMS, Column, Histograms, Keys, Values
from llm_obs_lake.engine import too_large
from llm_obs_lake.grouping import Grouping, HistogramSums, Sums
from llm_obs_lake.held import HeldMeasures
from llm_obs_lake.view import View

__all__ = ["aggregate", "values"]

MINUTE_NS: Final = 60_000_000_000
_MODEL: Final = ("response_model", "request_model")
_TYPES: Final = {column.name: {"bool": bool, "string": str}.get(column.type, int) for column in MEASURE_KEYS} | {
    "model": str
}


class Source(NamedTuple):
    """Where measures are read from.

    Attributes:
        held: Decodes files, and keeps what it decoded.
        view: The live files.
        memory_limit_bytes: Of the sums of one question.
    """

    held: HeldMeasures
    view: View
    memory_limit_bytes: int


def aggregate(source: Source, scope: Scope, query: AggregateQuery) -> list[AggregateRow]:
    """The sums of each group."""
    _check(query)
    bucketed = query.interval_ns is not None
    grouping = Grouping(len(query.group_by) + bucketed)
    sums, histograms = Sums(SUMS), [HistogramSums() for _ in HISTOGRAMS]
    for columns, chosen in _chosen(source, scope, query, query.group_by, (*SUMS, *HISTOGRAMS)):
        keys = [_key(columns, name) for name in query.group_by]
        if query.interval_ns is not None:
            keys.append(_buckets(columns, query.interval_ns))
        numbers = grouping.number(keys, chosen)
        sums.add(numbers, (cast(Values, columns[name]) for name in SUMS), len(grouping))
        for name, histogram in zip(HISTOGRAMS, histograms, strict=True):
            histogram.add(numbers, cast(Histograms, columns[name]))
        taken = grouping.nbytes + sums.nbytes + sum(histogram.nbytes for histogram in histograms)
        if taken > source.memory_limit_bytes:
            raise too_large(source.memory_limit_bytes, f"{len(grouping)} groups")
    groups = len(grouping)
    rows = zip(grouping.keys(), sums.rows(groups), *(histogram.rows(groups) for histogram in histograms), strict=True)
    return [AggregateRow(key[: len(query.group_by)], key[-1] if bucketed else None, *sums_of) for key, *sums_of in rows]


def values(source: Source, scope: Scope, key: str, prefix: str, start_ns: int | None, first: int) -> list[ValueCount]:
    """The commonest values of a key."""
    query = AggregateQuery(start_ns=start_ns, group_by=(key,))
    _check(query)
    grouping, sums = Grouping(1), Sums(["requests"])
    for columns, chosen in _chosen(source, scope, query, (key,), ("requests",)):
        numbers = grouping.number([_key(columns, key)], chosen)
        sums.add(numbers, [cast(Values, columns["requests"])], len(grouping))
    found = (
        ValueCount(text, row["requests"])
        for (value,), row in zip(grouping.keys(), sums.rows(len(grouping)), strict=True)
        if value is not None and (text := _text(value)).startswith(prefix)
    )
    return sorted(found, key=lambda item: (-item.requests, item.value))[:first]


def _text(value: Any) -> str:
    return str(value).lower() if type(value) is bool else str(value)


def _check(query: AggregateQuery) -> None:
    for name in (*query.group_by, *query.filter):
        if name not in _TYPES:
            raise LlmObsError(f"a key out of: model, {', '.join(KEYS)}", got=repr(name), fix="correct the name")
    if query.interval_ns is not None and (query.interval_ns <= 0 or query.interval_ns % MINUTE_NS):
        raise LlmObsError(
            "a multiple of a minute, in nanoseconds",
            got=str(query.interval_ns),
            where="interval_ns",
            fix=f"take a multiple of {MINUTE_NS}",
        )


def _chosen(
    source: Source, scope: Scope, query: AggregateQuery, group_by: Sequence[str], wanted: Sequence[str]
) -> Iterator[tuple[dict[str, Column], npt.NDArray[np.bool_]]]:
    """The columns that a question needs of each file, and which of its rows count."""
    names = ["minute_ns", *(part for name in (*group_by, *query.filter) for part in _columns(name)), *wanted]
    segments = _segments(source.view, scope, query.start_ns, query.end_ns)
    for columns in source.held.columns(segments, list(dict.fromkeys(names))):
        minutes = cast(Keys, columns["minute_ns"])
        chosen = _where(minutes, [_within(minute, query) for minute in minutes.words])
        for name, choices in query.filter.items():
            sound = {value for value in choices if value is None or type(value) is _TYPES[name]}
            key = _key(columns, name)
            chosen &= _where(key, [word in sound for word in key.words])
        yield columns, chosen


def _within(minute_ns: int, query: AggregateQuery) -> bool:
    return (query.start_ns is None or minute_ns >= _minute(query.start_ns)) and (
        query.end_ns is None or minute_ns < query.end_ns
    )


def _where(key: Keys, wanted: Collection[bool]) -> npt.NDArray[np.bool_]:
    if all(wanted):
        return np.ones(len(key.codes), dtype=np.bool_)
    found: npt.NDArray[np.bool_] = np.array(wanted, dtype=np.bool_)[key.codes]
    return found


def _columns(name: str) -> tuple[str, ...]:
    return _MODEL if name == "model" else (name,)


def _key(columns: dict[str, Column], name: str) -> Keys:
    """A key's column; the model is the one that answered, else the one asked for."""
    if name != "model":
        return cast(Keys, columns[name])
    answered, asked = (cast(Keys, columns[part]) for part in _MODEL)
    unknown = _where(answered, [word is None for word in answered.words])
    codes = np.where(unknown, asked.codes.astype(np.int64) + len(answered.words), answered.codes)
    return Keys(codes, answered.words + asked.words)


def _buckets(columns: dict[str, Column], interval_ns: int) -> Keys:
    minutes = cast(Keys, columns["minute_ns"])
    return Keys(minutes.codes, tuple(minute // interval_ns * interval_ns for minute in minutes.words))


def _minute(start_ns: int) -> int:
    return start_ns // MINUTE_NS * MINUTE_NS


def _segments(view: View, scope: Scope, start_ns: int | None, end_ns: int | None) -> list[Segment]:
    """The files that may have rows of a time, newest first."""
    segments = [
        segment
        for tenant in dict.fromkeys(scope.tenants)
        for segment in view.of(tenant, "measures")
        if (start_ns is None or segment.max_start_ns >= _minute(start_ns))
        and (end_ns is None or _minute(segment.min_start_ns) < end_ns)
    ]
    return sorted(segments, key=lambda segment: segment.max_start_ns, reverse=True)
