"""A filter with its `Not`s at its conditions, and which of its conditions cost what.

LIGHT conditions are decided from columns of spans, SUMMED ones from the summaries of traces, HEAVY ones from payloads,
messages or annotations. Of a trace whose spans are in one segment the files say exactly whether a light condition
holds; where they are in several, a span may have come again, and only the last of it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from llm_obs_core.filter import And, Condition, Field, Filter, Not, Or, Source, field_of

__all__ = ["Cost", "Group", "Literal", "Node", "cost_in_span", "cost_in_trace", "literals", "normal", "together"]


class Cost(Enum):
    """What has to be read to decide a condition."""

    LIGHT = "columns of spans"
    SUMMED = "summaries of traces"
    HEAVY = "payloads, messages or annotations"


class Literal(NamedTuple):
    """A condition, or its opposite when `holds` is false."""

    condition: Condition
    field: Field
    cost: Cost
    holds: bool


class Group(NamedTuple):
    """All of them, or when `every` is false one of them."""

    every: bool
    items: tuple[Node, ...]


Node = Literal | Group


def normal(where: Filter, cost: Callable[[Field], Cost], holds: bool = True) -> Node:
    """The filter, or its opposite, without a `Not` around anything but a condition."""
    match where:
        case Not():
            return normal(where.item, cost, not holds)
        case And() | Or():
            return together(isinstance(where, And) == holds, (normal(item, cost, holds) for item in where.items))
        case Condition():
            field = field_of(where.field)
            return Literal(where, field, cost(field), holds)


def together(every: bool, items: Iterator[Node]) -> Node:
    """A group without groups of its own sort in it."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Group) and item.every == every else (item,))
    return flat[0] if len(flat) == 1 else Group(every, tuple(flat))


def literals(node: Node) -> Iterator[Literal]:
    """Every condition."""
    if isinstance(node, Literal):
        yield node
    else:
        for item in node.items:
            yield from literals(item)


def cost_in_trace(field: Field) -> Cost:
    """The cost where traces are looked for; all spans of a trace have its id."""
    match field.source:
        case Source.TRACE:
            return Cost.SUMMED
        case Source.SPAN:
            return Cost.SUMMED if field.key == "trace_id" else Cost.LIGHT
        case _:
            return Cost.HEAVY


def cost_in_span(field: Field) -> Cost:
    """The cost where spans are looked for."""
    match field.source:
        case Source.TRACE:
            return Cost.LIGHT if field.key == "trace_id" else Cost.SUMMED
        case Source.SPAN:
            return Cost.LIGHT
        case _:
            return Cost.HEAVY
