"""Sums and values from measures."""

from __future__ import annotations

from typing import Any, Final

from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import AggregateQuery, AggregateRow, Scope, ValueCount
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES

from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.view import View

__all__ = ["aggregate", "values"]

MINUTE_NS: Final = 60_000_000_000
_EXPRESSIONS: Final = {
    **{column.name: f'"{column.name}"' for column in MEASURE_KEYS},
    "model": "coalesce(response_model, request_model)",
}
_TYPES: Final = {column.name: {"bool": bool, "string": str}.get(column.type, int) for column in MEASURE_KEYS} | {
    "model": str
}
_SUMS: Final = [column.name for column in MEASURE_VALUES if column.type != "histogram"]
_HISTOGRAMS: Final = [column.name for column in MEASURE_VALUES if column.type == "histogram"]


def aggregate(engine: Engine, view: View, scope: Scope, query: AggregateQuery) -> list[AggregateRow]:
    """The sums of each group."""
    keys = [_expression(name) for name in (*query.group_by, *query.filter)][: len(query.group_by)]
    if query.interval_ns is not None:
        if query.interval_ns <= 0 or query.interval_ns % MINUTE_NS:
            raise LlmObsError(
                "a multiple of a minute, in nanoseconds",
                got=str(query.interval_ns),
                where="interval_ns",
                fix=f"take a multiple of {MINUTE_NS}",
            )
        keys.append(f"minute_ns // {query.interval_ns} * {query.interval_ns}")
    paths = _paths(view, scope, query.start_ns, query.end_ns)
    if not paths:
        return []
    group = [f"{expression} AS k{number}" for number, expression in enumerate(keys)]
    names = [f"k{number}" for number in range(len(keys))]
    by = f" GROUP BY {', '.join(names)}" if names else " HAVING count(*) > 0"

    bound = Parameters()
    source = f"FROM read_parquet({bound.bind(paths)}) WHERE {_condition(query, bound)}"
    sums = ", ".join([*group, *(f"sum({name})" for name in _SUMS)])
    width = len(keys)
    found: dict[tuple[Any, ...], tuple[dict[str, int], dict[int, int], dict[int, int]]] = {}
    for row in engine.rows(f"SELECT {sums} {source}{by}", bound.values):
        found[row[:width]] = (dict(zip(_SUMS, map(int, row[width:]), strict=True)), {}, {})
    for place, name in enumerate(_HISTOGRAMS, 1):
        lists = ", ".join([*group, f"unnest({name}_index) AS bucket", f"unnest({name}_count) AS calls"])
        columns = ", ".join([*names, "bucket"])
        statement = f"SELECT {columns}, sum(calls) FROM (SELECT {lists} {source}) GROUP BY {columns}"
        for row in engine.rows(statement, bound.values):
            found[row[:width]][place][row[-2]] = int(row[-1])
    bucketed = query.interval_ns is not None
    return [
        AggregateRow(key[: len(query.group_by)], key[-1] if bucketed else None, *sums_of)
        for key, sums_of in found.items()
    ]


def values(
    engine: Engine, view: View, scope: Scope, key: str, prefix: str, start_ns: int | None, first: int
) -> list[ValueCount]:
    """The commonest values of a key."""
    expression = _expression(key)
    paths = _paths(view, scope, start_ns, None)
    if not paths:
        return []
    bound = Parameters()
    source = f"read_parquet({bound.bind(paths)})"
    condition = _condition(AggregateQuery(start_ns=start_ns), bound)
    rows = engine.rows(
        f"SELECT ({expression})::VARCHAR AS value, sum(requests) AS requests FROM {source} "
        f"WHERE {condition} AND value IS NOT NULL AND starts_with(value, {bound.bind(prefix)}) "
        f"GROUP BY value ORDER BY requests DESC, value LIMIT {int(first)}",
        bound.values,
    )
    return [ValueCount(value, int(requests)) for value, requests in rows]


def _expression(name: str) -> str:
    if name not in _EXPRESSIONS:
        raise LlmObsError(f"a key out of: model, {', '.join(_EXPRESSIONS)}", got=repr(name), fix="correct the name")
    return _EXPRESSIONS[name]


def _minute(start_ns: int) -> int:
    return start_ns // MINUTE_NS * MINUTE_NS


def _paths(view: View, scope: Scope, start_ns: int | None, end_ns: int | None) -> list[str]:
    return [
        path
        for tenant in dict.fromkeys(scope.tenants)
        for path in view.paths(
            segment
            for segment in view.of(tenant, "measures")
            if (start_ns is None or segment.max_start_ns >= _minute(start_ns))
            and (end_ns is None or _minute(segment.min_start_ns) < end_ns)
        )
    ]


def _condition(query: AggregateQuery, bound: Parameters) -> str:
    conditions = ["true"]
    if query.start_ns is not None:
        conditions.append(f"minute_ns >= {bound.bind(_minute(query.start_ns))}")
    if query.end_ns is not None:
        conditions.append(f"minute_ns < {bound.bind(query.end_ns)}")
    for name, wanted in query.filter.items():
        expression = _expression(name)
        sound = [value for value in wanted if type(value) is _TYPES[name]]
        choices = [f"{expression} = {bound.bind(value)}" for value in sound]
        if None in wanted:
            choices.append(f"{expression} IS NULL")
        conditions.append(f"({' OR '.join(choices) or 'false'})")
    return " AND ".join(conditions)
