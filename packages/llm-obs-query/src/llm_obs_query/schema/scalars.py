"""`Int64` and `JSON`."""

from __future__ import annotations

import re
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from llm_obs_core.plainjson import plain_json
from strawberry.schema.config import StrawberryConfig

from llm_obs_query.schema.filters import FilterValue, parse_value

__all__ = ["CONFIG", "JSON", "Int64"]

Int64 = NewType("Int64", int)
JSON = NewType("JSON", object)


def _parse(value: Any) -> int:
    if isinstance(value, str):
        value = int(value) if re.fullmatch("-?[0-9]{1,19}", value) else value
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise GraphQLError(f"expected a 64-bit integer as a decimal string or a number, got {str(value)[:40]!r}")
    return value


CONFIG = StrawberryConfig(
    auto_camel_case=True,
    default_resolver=lambda source, name: source.get(name) if type(source) is dict else getattr(source, name),
    scalar_map={
        Int64: strawberry.scalar(
            name="Int64",
            description=(
                "A 64-bit integer as a decimal string: nanoseconds, nano-dollars, "
                "counts that JavaScript's numbers cannot hold."
            ),
            serialize=str,
            parse_value=_parse,
        ),
        FilterValue: strawberry.scalar(
            name="FilterValue",
            description="Text, a number, true or false, or a list of these; whole numbers also as decimal strings.",
            serialize=plain_json,
            parse_value=parse_value,
        ),
        JSON: strawberry.scalar(
            name="JSON", description="Any JSON value.", serialize=plain_json, parse_value=lambda value: value
        ),
    },
)
"""A field without a resolver is read from the row: a struct's attribute or a mapping's item of the same name."""
