"""The filter language as an input, and as text: both become `llm_obs_core.filter.Filter`."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, Final, NewType, cast

import strawberry
from graphql import GraphQLError
from llm_obs_core.errors import LimitError, LlmObsError
from llm_obs_core.filter import OPERATORS, And, Condition, FieldType, Filter, Not, Operator, Or, Scalar, field_of, parse

from llm_obs_query.errors import Code, UserError

__all__ = ["FilterInput", "FilterOperator", "FilterValue", "Where", "WhereText", "filter_of", "parse_value"]

FilterValue = NewType("FilterValue", object)

MAX_DEPTH: Final = 64
"""Nodes of an input in each other that are read at all; `checked` refuses fewer, with its reason."""


def parse_value(value: Any) -> object:
    """A value of an input: text, a number, true or false, or a list of these.

    Raises:
        GraphQLError: It is something else.
    """
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in values):
        raise GraphQLError("expected text, a number, true or false, or a list of these as the value of a condition")
    return tuple(values) if isinstance(value, list) else value


@strawberry.enum
class FilterOperator(enum.Enum):
    """The operators of `llm_obs_core.filter`."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = strawberry.enum_value("in", description="One of a list.")
    CONTAINS = strawberry.enum_value("contains", description="Any case, as STARTS_WITH, ENDS_WITH and SEARCH.")
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    REGEX = strawberry.enum_value("regex", description="RE2, found anywhere.")
    EXISTS = strawberry.enum_value("exists", description="True: has a value; false: has none.")
    SEARCH = strawberry.enum_value("search", description="Every word of the value is somewhere in the text.")


assert tuple(member.value for member in FilterOperator) == OPERATORS


@strawberry.input(
    description=(
        "What has to hold: all of `and`, one of `or`, not `not`, or a condition: `field`, `op` and `value`. Fields are "
        "the columns of spans (`model`, `user_id`, `cost_nano_usd` …), `error`, `tags`, `attributes.<name>`, "
        "`resource.<name>`, `metadata.<name>`, `content`, `content.<slot>`, `annotations.<key>` and "
        "`trace.<field of the summary>`. Where traces are asked for, any span may meet a condition."
    )
)
class FilterInput:
    """Mirrors `llm_obs_core.filter.Filter`."""

    and_: list[FilterInput] | None = strawberry.field(name="and", default=strawberry.UNSET)
    or_: list[FilterInput] | None = strawberry.field(name="or", default=strawberry.UNSET)
    not_: FilterInput | None = strawberry.field(name="not", default=strawberry.UNSET)
    field: str | None = strawberry.UNSET
    op: FilterOperator | None = strawberry.UNSET
    value: FilterValue | None = strawberry.UNSET


Where = Annotated[FilterInput | None, strawberry.argument(description="What has to hold, as a tree.")]
WhereText = Annotated[
    str | None,
    strawberry.argument(
        description="What has to hold, as text: `model = gpt-4o and (cost > 0.01 or error_type exists)`. "
        "With `where`, both."
    ),
]


def filter_of(where: FilterInput | None, text: str | None) -> Filter:
    """The filter that both arguments say together; what is not given or null is no condition.

    Raises:
        UserError: It is none.
    """
    parts: list[Filter] = []
    if where is not None and where is not strawberry.UNSET:
        parts.append(_node(where, "where", 0))
    if text is not None and text is not strawberry.UNSET:
        try:
            parts.append(parse(text, at="whereText"))
        except LlmObsError as error:
            raise _refused(error) from None
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _refused(error: LlmObsError) -> UserError:
    code = Code.LIMIT_EXCEEDED if isinstance(error, LimitError) else Code.BAD_USER_INPUT
    return UserError(error.expected, got=error.got, where=error.where, fix=error.fix, code=code)


def _node(given: FilterInput, at: str, depth: int) -> Filter:
    names = {"and": given.and_, "or": given.or_, "not": given.not_, "field": given.field}
    present = [name for name, value in names.items() if value is not None and value is not strawberry.UNSET]
    if len(present) != 1:
        raise UserError("one of: and, or, not, field", got=", ".join(present) or "none of them", where=at)
    if depth > MAX_DEPTH:
        raise UserError("a filter that is less deep", got="more", where=at, code=Code.LIMIT_EXCEEDED)
    if present == ["field"]:
        return _condition(given, at)
    if given.op not in (None, strawberry.UNSET) or given.value not in (None, strawberry.UNSET):
        raise UserError("op and value beside a field only", got=f"one of them beside {present[0]}", where=at)
    if present == ["not"]:
        return Not(_node(cast(FilterInput, given.not_), f"{at}.not", depth + 1))
    kind = And if present == ["and"] else Or
    items = cast(list[FilterInput], given.and_ if kind is And else given.or_)
    return kind(tuple(_node(item, f"{at}.{present[0]}[{number}]", depth + 1) for number, item in enumerate(items)))


def _condition(given: FilterInput, at: str) -> Filter:
    if given.op in (None, strawberry.UNSET):
        raise UserError("an operator beside the field", got="none", where=f"{at}.op")
    if given.value in (None, strawberry.UNSET):
        raise UserError(
            "a value beside the field", got="none", where=f"{at}.value", fix="what has no value: op EXISTS, value false"
        )
    name = cast(str, given.field)
    op = cast(Operator, given.op.value)
    value = cast(Scalar | tuple[Scalar, ...], given.value)
    try:
        return Condition(name, op, _integers(name, value))
    except LlmObsError:
        return Condition(name, op, value)  # an unknown field is told with the rest, by `checked`


def _integers(name: str, value: Scalar | tuple[Scalar, ...]) -> Scalar | tuple[Scalar, ...]:
    """Whole numbers may be decimal strings, as `Int64` is: JavaScript's numbers do not hold them all."""
    if field_of(name).type is not FieldType.INTEGER:
        return value
    if isinstance(value, tuple):
        return tuple(cast(Scalar, _integers(name, one)) for one in value)
    return int(value) if isinstance(value, str) and re.fullmatch("-?[0-9]{1,19}", value) else value
