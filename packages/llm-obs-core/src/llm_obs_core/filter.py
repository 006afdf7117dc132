"""Which rows: the small language that queries, command line and page share.

A filter is a tree of `And`, `Or`, `Not` and `Condition`. It is one data type: GraphQL inputs, flags and the page's filter box
are read into it, readers evaluate it or say that they cannot.

Fields, by prefix:

- a name out of `SPAN_COLUMNS`, or `model` (the model that answered, else the one asked for): a span's column;
- `attributes.<name>`, `resource.<name>`: an attribute, by its canonical name;
- `tags.<name>`, `metadata.<name>`: an application's own, `llm_obs.tags.<name>` and `llm_obs.metadata.<name>`;
- `content`, `content.<slot>`: the text of messages (any slot, or one of `CONTENT_SLOTS`);
- `annotations.<key>`: a value that was said about the span or its trace;
- `trace.<name>`: a field of the trace's summary (`start_ns`, `duration_ns`, `name`, `service`, `trace_id`, `has_root`,
  `span_count`, `error_count`, `call_count`, `input_tokens`, `output_tokens`, `total_tokens`, `cost_nano_usd`, `ttft_ns`).

Where traces are looked for, a condition on anything but `trace.` holds when any span of the trace meets it, each by
itself. Where spans are looked for, it is the span itself. A condition on a null never holds (also `ne`); only `exists` sees
nulls. `Not` is the plain opposite of what it holds: `Not(Condition("user_id", "eq", "a"))` holds without a user too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, get_args

import msgspec

__all__ = ["OPERATORS", "And", "Condition", "Filter", "Not", "Operator", "Or", "Scalar", "conditions"]

Scalar = str | int | float | bool
"""What a field is compared with. Ids are hexadecimal text."""

Operator = Literal[
    "eq", "ne", "gt", "gte", "lt", "lte", "in", "contains", "starts_with", "ends_with", "regex", "exists", "search"
]
OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
"""`in` takes a tuple; `exists` True or False; `regex` RE2, found anywhere; `contains`, `starts_with`, `ends_with` and
`search` ignore case; `search` is for texts: every word of the value is somewhere in it."""


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
