"""Says what is wrong with a filter, in words that lead to the place."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from llm_obs_core.errors import LimitError, LlmObsError
from llm_obs_core.filter.fields import OPERATORS_OF, Field, FieldType, Source, field_of
from llm_obs_core.filter.regex import compiled
from llm_obs_core.filter.tree import And, Condition, Filter, Not, Or, Scalar, conditions

__all__ = ["MAX_CONDITIONS", "MAX_DEPTH", "MAX_VALUES", "checked"]

MAX_CONDITIONS: Final = 256
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 1_000
"""Most values of one `in`."""

_INT64: Final = 2**63
_EXPECTED: Final = {
    FieldType.TEXT: "text",
    FieldType.ID: "hexadecimal digits, as text",
    FieldType.INTEGER: "a whole number of 64 bits",
    FieldType.BOOLEAN: "true or false",
    FieldType.VALUE: "text, a number, true or false",
    FieldType.TEXTS: "text",
}
_TEXT_ONLY: Final = ("contains", "starts_with", "ends_with", "regex", "search")


def checked(where: Filter, *, content: bool = True, at: str = "filter") -> Filter:
    """The filter with ids in small letters, when all of it can be evaluated.

    Args:
        where: Any filter.
        content: Whether its sender may see content: without it, conditions on texts would tell what is in them.
        at: What the errors call it.

    Raises:
        LlmObsError: An unknown field, an operator that does not fit it, a value of a wrong type, no permission.
        LimitError: Too many conditions, too deep, too many values.
    """
    _check_size(where, at)
    return _checked(where, content, at)


def _check_size(where: Filter, at: str) -> None:
    depth, level = 1, [where]
    while level := [inner for item in level for inner in _inner(item)]:
        depth += 1
        if depth > MAX_DEPTH:
            raise LimitError(f"a filter at most {MAX_DEPTH} deep", got="a deeper one", where=at, fix="write it flatter")
    count = sum(1 for _ in conditions(where))
    if count > MAX_CONDITIONS:
        raise LimitError(f"at most {MAX_CONDITIONS} conditions", got=str(count), where=at, fix="use `in` for values")


def _inner(where: Filter) -> tuple[Filter, ...]:
    match where:
        case And() | Or():
            return where.items
        case Not():
            return (where.item,)
        case Condition():
            return ()


def _checked(where: Filter, content: bool, at: str) -> Filter:
    match where:
        case And() | Or():
            name = "and" if isinstance(where, And) else "or"
            return type(where)(
                tuple(_checked(item, content, f"{at}.{name}[{number}]") for number, item in enumerate(where.items))
            )
        case Not():
            return Not(_checked(where.item, content, f"{at}.not"))
        case Condition():
            return _condition(where, content, at)


def _condition(condition: Condition, content: bool, at: str) -> Condition:
    field = field_of(condition.field, f"{at}.field")
    allowed = OPERATORS_OF[field.type]
    if condition.op not in allowed:
        raise LlmObsError(
            f"an operator that fits {field.name} ({field.type}): {', '.join(allowed)}",
            got=condition.op,
            where=f"{at}.op",
        )
    if field.source is Source.CONTENT and condition.op != "exists" and not content:
        raise LlmObsError(
            "a key that may see content", got=f"a condition on {field.name}", where=f"{at}.field",
            fix="take a key with the scope `content`, or leave the condition out",
        )  # fmt: skip
    value, where = condition.value, f"{at}.value"
    if condition.op == "exists":
        if not isinstance(value, bool):
            raise LlmObsError("true or false", got=_shown(value), where=where)
        return condition
    if condition.op == "in":
        if not isinstance(value, tuple):
            raise LlmObsError("a list of values", got=_shown(value), where=where)
        if len(value) > MAX_VALUES:
            raise LimitError(f"at most {MAX_VALUES} values", got=str(len(value)), where=where, fix="ask twice")
        values = tuple(_value(field, condition, one, f"{where}[{number}]") for number, one in enumerate(value))
        return msgspec.structs.replace(condition, value=values)
    if isinstance(value, tuple):
        raise LlmObsError(f"one value: {_EXPECTED[field.type]}", got="a list", where=where, fix="use `in` for a list")
    return msgspec.structs.replace(condition, value=_value(field, condition, value, where))


def _value(field: Field, condition: Condition, value: Scalar, where: str) -> Scalar:
    kind = FieldType.TEXT if condition.op in _TEXT_ONLY and field.type is FieldType.VALUE else field.type
    if condition.op in ("gt", "gte", "lt", "lte") and isinstance(value, bool):
        raise LlmObsError(f"text or a number for {field.name}", got=_shown(value), where=where)
    if not _fits(kind, value):
        raise LlmObsError(f"{_EXPECTED[kind]} for {field.name}", got=_shown(value), where=where)
    if condition.op == "regex" and isinstance(value, str):
        compiled(value, where)
    return value.lower() if kind is FieldType.ID and isinstance(value, str) else value


def _fits(kind: FieldType, value: Scalar) -> bool:
    match kind:
        case FieldType.TEXT | FieldType.TEXTS:
            return isinstance(value, str)
        case FieldType.ID:
            return isinstance(value, str) and len(value) <= 32 and not value.lower().strip("0123456789abcdef")
        case FieldType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
        case FieldType.VALUE:
            if isinstance(value, float):
                return math.isfinite(value)
            return isinstance(value, str | bool) or -_INT64 <= value < _INT64


def _shown(value: Scalar | tuple[Scalar, ...]) -> str:
    return "a list" if isinstance(value, tuple) else repr(value)[:100]
