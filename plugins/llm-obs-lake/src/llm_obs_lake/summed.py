"""The fields of a trace's summary as expressions of DuckDB over its partial rows, out of the one table of summaries."""

from __future__ import annotations

from typing import Final, NamedTuple

from llm_obs_core.summary.columns import SUMMARY_COLUMNS, SummaryColumn

__all__ = ["SESSION", "SUMMED", "Summed"]


class Summed(NamedTuple):
    """An expression, and the columns of the summaries' files that it reads."""

    sql: str
    columns: tuple[str, ...]


_RANKED: Final = "a := NOT has_root, b := name_start_ns, c := name"
_SERVICE: Final = f"(min(struct_pack({_RANKED}, d := service IS NULL, e := coalesce(service, ''))))"
_NAMING: Final = {
    "name": Summed(f"(min(struct_pack({_RANKED}))).c", ("has_root", "name_start_ns", "name")),
    "service": Summed(
        f"CASE WHEN NOT {_SERVICE}.d THEN {_SERVICE}.e END", ("has_root", "name_start_ns", "name", "service")
    ),
}


def _first(start: str, name: str) -> Summed:
    """Of the rows that have the value the one with the least start, then the least value."""
    earliest = f"(min(struct_pack(a := {start}, b := {name})) FILTER (WHERE {name} IS NOT NULL))"
    return Summed(f"{earliest}.b", (start, name))


def _summed(column: SummaryColumn) -> Summed:
    name = column.name
    match column.fold:
        case "min":
            return Summed(f"min({name})", (name,))
        case "extent":
            return Summed("max(end_ns) - min(start_ns)", ("start_ns", "end_ns"))
        case "naming":
            return _NAMING[name]
        case "any":
            return Summed(f"bool_or({name})", (name,))
        case "of_first":
            ranked = f"struct_pack(a := call_start_ns, b := {name} IS NULL, c := {name})"
            earliest = f"(min({ranked}) FILTER (WHERE call_start_ns IS NOT NULL))"
            return Summed(f"{earliest}.c", ("call_start_ns", name))
        case _:
            return Summed(f"sum({name})", (name,))


SESSION: Final = _first("session_start_ns", "session_id")
"""The session that a trace is of."""

SUMMED: Final[dict[str, Summed]] = {column.name: _summed(column) for column in SUMMARY_COLUMNS if column.filtered} | {
    "total_tokens": Summed("sum(input_tokens) + sum(output_tokens)", ("input_tokens", "output_tokens"))
}
"""By name of the field; sums are exact, also beyond 64 bits."""
