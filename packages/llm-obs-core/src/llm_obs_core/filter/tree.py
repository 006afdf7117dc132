"""The tree that a filter is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

import msgspec

__all__ = ["OPERATORS", "And", "Condition", "Filter", "Not", "Operator", "Or", "Scalar", "conditions", "simplified"]

Scalar = str | int | float | bool
"""What a field is compared with. Ids are hexadecimal text."""

Operator = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "contains", "starts_with", "ends_with", "regex", "exists", "search"
]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
"""`in` takes a tuple; `exists` True or False; `regex` RE2, found anywhere; `contains`, `starts_with`, `ends_with` and
`search` ignore case (`fold_case`); `search`: every word of the value is somewhere in the text."""


class Condition(msgspec.Struct, frozen=True, tag="condition"):
    """One condition on one field."""

    field: str
    op: Operator
    value: Scalar | tuple[Scalar, ...]


class And(msgspec.Struct, frozen=True, tag="and"):
    """All of them hold; true without any."""

    items: tuple[Filter, ...] = ()


class Or(msgspec.Struct, frozen=True, tag="or"):
    """One of them holds; false without any."""

    items: tuple[Filter, ...] = ()


class Not(msgspec.Struct, frozen=True, tag="not"):
    """It does not hold."""

    item: Filter


Filter = And | Or | Not | Condition


def conditions(where: Filter) -> Iterator[Condition]:
    """Every condition in a filter."""
    match where:
        case Condition():
            yield where
        case Not():
            yield from conditions(where.item)
        case And() | Or():
            for item in where.items:
                yield from conditions(item)


def simplified(where: Filter) -> Filter:
    """The same filter without needless nodes.

    One item stands alone, `And` in `And` is one, what is always true or false is `And()` or `Or()` and stands alone.
    """
    match where:
        case Condition():
            return where
        case Not():
            item = simplified(where.item)
            if item == And():
                return Or()
            return And() if item == Or() else Not(item)
        case And() | Or():
            kind = type(where)
            items: list[Filter] = []
            for item in map(simplified, where.items):
                if isinstance(item, kind):
                    items.extend(item.items)
                elif isinstance(item, And | Or) and not item.items:
                    return item  # false among all, true among some
                else:
                    items.append(item)
            return items[0] if len(items) == 1 else kind(tuple(items))
