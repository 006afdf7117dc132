"""`Int64` and `JSON`."""

from __future__ import annotations

import math
import re
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

__all__ = ["CONFIG", "JSON", "Int64", "plain_json"]

Int64 = NewType("Int64", int)
JSON = NewType("JSON", object)

SAFE_INTEGER = 2**53 - 1
"""The largest integer that JavaScript's numbers hold exactly."""


def _parse(value: Any) -> int:
    if isinstance(value, str):
        value = int(value) if re.fullmatch("-?[0-9]{1,19}", value) else value
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise GraphQLError(f"expected a 64-bit integer as a decimal string or a number, got {str(value)[:40]!r}")
    return value


def plain_json(value: Any) -> Any:
    """What JSON can carry exactly: integers beyond 2⁵³ and numbers that are none become strings; bytes are base64.

    The value itself when there is nothing to change, which is nearly always.
    """
    kind = type(value)
    if kind is int:
        return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)
    if kind is float:
        return value if math.isfinite(value) else {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if kind is dict:
        changed = {key: new for key, item in value.items() if (new := plain_json(item)) is not item}
        return {**value, **changed} if changed else value
    if kind is list or kind is tuple:
        items = [plain_json(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
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
        JSON: strawberry.scalar(
            name="JSON", description="Any JSON value.", serialize=plain_json, parse_value=lambda value: value
        ),
    },
)
"""A field without a resolver is read from the row: a struct's attribute or a mapping's item of the same name."""
