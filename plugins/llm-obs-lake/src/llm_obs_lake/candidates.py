"""Which traces a filter may hold for, in the order of the list: one statement over files of summaries.

It never leaves out a trace that the filter holds for. What it returns too much is told apart by `verify.py`: it may be
wrong about traces that are in several segments, and about heavy conditions, of which it knows nothing unless `eager`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from llm_obs_core.filter import Field, Source
from llm_obs_core.interfaces import Cursor

from llm_obs_lake.catalog import Segment
from llm_obs_lake.comparison import compared
from llm_obs_lake.engine import Parameters
from llm_obs_lake.literals import Cost, Group, Literal, Node, literals, together
from llm_obs_lake.members import Sets, joined
from llm_obs_lake.summed import SUMMED, Summed
from llm_obs_lake.view import View, relation

__all__ = ["Candidates", "TraceConditions", "statement"]

_ID_BYTES: Final = 16
_IDS: Final = "tenant, trace_id"


class Candidates(NamedTuple):
    """What is looked for.

    Attributes:
        node: The filter.
        segments: Files of summaries, in which all of every trace is that starts at `start_ns` or later.
        start_ns: The trace starts then or later; None: any time.
        end_ns: The trace starts before; None: any time.
        after: The traces after this one.
        eager: Whether payloads, messages and annotations of all files are gone through.
    """

    node: Node
    segments: Sequence[Segment]
    start_ns: int | None
    end_ns: int | None
    after: Cursor | None
    eager: bool


class TraceConditions:
    """Conditions on traces.

    Attributes:
        on_ids: Those on tenant and trace id alone.
        on_sums: Those on the sums of all partial rows, by the names of `fields`, and on their number, `parts`.
        fields: Names and expressions of sums.

    Args:
        sets: Builds sets of traces.
        bound: Gets the parameters.
        eager: As in `Candidates`.
    """

    def __init__(self, sets: Sets, bound: Parameters, eager: bool) -> None:
        self._sets = sets
        self._bound = bound
        self._eager = eager
        self.on_ids: list[str] = []
        self.on_sums: list[str] = []
        self.fields: dict[str, Summed] = {}

    def require(self, node: Node) -> None:
        """Adds the conditions of a node."""
        items = node.items if isinstance(node, Group) and node.every else (node,)
        if plain := [item for item in items if self._plain(item)]:
            self.on_ids.append(self._sets.with_spans(together(True, iter(plain))))
        for item in items:
            if self._plain(item):
                continue
            if all(literal.cost is Cost.HEAVY or _is_id(literal.field) for literal in literals(item)):
                self.on_ids.append(self._upper(item))
            else:
                self.on_sums.append(self._upper(item))

    def _upper(self, node: Node) -> str:
        if isinstance(node, Literal):
            return self._literal(node)
        plain = [item for item in node.items if self._plain(item)]
        light = [item for item in node.items if item not in plain and _light(item)]
        texts = [self._upper(item) for item in node.items if item not in plain and item not in light]
        if plain:
            texts.append(self._sets.with_spans(together(node.every, iter(plain))))
        if light:
            texts.append(self._with_opposites(together(node.every, iter(light))))
        return joined(node.every, texts)

    def _literal(self, literal: Literal) -> str:
        condition, field = literal.condition, literal.field
        match literal.cost:
            case Cost.SUMMED:
                sql = compared(condition, field.type, self._value(field), self._bound, _ID_BYTES)
                return sql if literal.holds else f"NOT coalesce({sql}, false)"
            case Cost.LIGHT:
                return self._with_opposites(literal)
            case Cost.HEAVY:
                if not (self._eager and literal.holds):
                    return "true"
                if self._plain(literal):
                    return self._sets.with_spans(literal)
                return self._sets.hint(literal, spans=False) or "true"

    def _with_opposites(self, node: Node) -> str:
        """Of a trace in several segments a span may count no more that says no."""
        return f"({self._sets.with_spans(node)} OR parts > 1)"

    def _value(self, field: Field) -> str:
        if _is_id(field):
            return "trace_id"
        self.fields[f"of_{field.key}"] = SUMMED[field.key]
        return f"of_{field.key}"

    def _plain(self, node: Node) -> bool:
        """Whether it is true only of traces with certain rows of spans: more rows never make it false."""
        return all(
            literal.holds
            and (
                literal.cost is Cost.LIGHT
                or (literal.cost is Cost.HEAVY and self._eager and self._sets.span_term(literal) is not None)
            )
            for literal in literals(node)
        ) and any(True for _ in literals(node))


def statement(view: View, tenants: Sequence[str], wanted: Candidates, limit: int, bound: Parameters) -> str:
    """Tenant, trace id and start of the first traces that may be looked for."""
    sets = Sets(view, tenants, wanted.start_ns, bound)
    where = TraceConditions(sets, bound, wanted.eager)
    where.require(wanted.node)
    segments = wanted.segments
    on_ids, on_sums = list(where.on_ids), list(where.on_sums)
    before = [ns for ns in (wanted.end_ns, wanted.after and wanted.after.start_ns + 1) if ns is not None]
    if before and not on_sums:  # a trace that starts before has a row that starts before
        segments = [segment for segment in segments if segment.min_start_ns < min(before)]
        on_ids.append(f"start_ns < {bound.bind(min(before))}")
    if not segments:
        return ""
    if wanted.start_ns is not None:
        on_sums.append(f"began >= {bound.bind(wanted.start_ns)}")
    if wanted.end_ns is not None:
        on_sums.append(f"began < {bound.bind(wanted.end_ns)}")
    if wanted.after is not None:
        on_sums.append(f"(began, trace_id, tenant) < ({', '.join(map(bound.bind, wanted.after))})")
    columns = dict.fromkeys(
        ["trace_id", "start_ns", *(name for sums in where.fields.values() for name in sums.columns)]
    )
    sums = "".join(f", {sums.sql} AS {name}" for name, sums in where.fields.items())
    source = relation(view, segments, list(columns), bound, tenant=True)
    return (
        f"SELECT {_IDS}, began FROM (SELECT {_IDS}, min(start_ns) AS began, count(*) AS parts{sums} "
        f"FROM {source} WHERE {joined(True, on_ids)} GROUP BY {_IDS}) "
        f"WHERE {joined(True, on_sums)} ORDER BY began DESC, trace_id DESC, tenant DESC LIMIT {int(limit)}"
    )


def _is_id(field: Field) -> bool:
    return field.key == "trace_id" and field.source in (Source.SPAN, Source.TRACE)


def _light(node: Node) -> bool:
    return all(literal.cost is Cost.LIGHT for literal in literals(node)) and any(True for _ in literals(node))
