"""One condition of a filter on one value, as an expression of DuckDB that means exactly what the language says.

Null makes it null or false, never true, unless it is `exists`. Texts are compared by code point, as UTF-8 is ordered;
`lower` folds case as `fold_case` does (a test holds them against each other); `regexp_matches` is RE2.
"""

from __future__ import annotations

from typing import Final

from llm_obs_core.filter import Condition, FieldType, Scalar, fold_case

from llm_obs_lake.engine import Parameters

__all__ = ["compared"]

_SIGNS: Final = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_FUNCTIONS: Final = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}


def compared(condition: Condition, kind: FieldType, value: str, bound: Parameters, width: int = 0) -> str:
    """The expression.

    Args:
        condition: What `checked` lets pass, on a field that is no VALUE.
        kind: The field's type.
        value: What the value is in SQL; a BLOB where the field is an ID.
        bound: Gets the parameters.
        width: Bytes of an ID.
    """
    wanted = condition.value
    if condition.op == "exists":
        return f"{value} IS {'NOT ' if wanted else ''}NULL"
    if isinstance(wanted, tuple):
        found = [_eq(kind, value, item, bound, width) for item in dict.fromkeys(wanted)]
        return f"({' OR '.join(found)})" if found else "false"
    if kind is FieldType.ID:
        return _of_id(condition.op, value, str(wanted), bound, width)
    if isinstance(wanted, str):
        return _of_text(condition.op, value, wanted, bound)
    return f"{value} {_SIGNS[condition.op]} {bound.bind(wanted)}"


def _eq(kind: FieldType, value: str, wanted: Scalar, bound: Parameters, width: int) -> str:
    if kind is FieldType.ID:
        return _of_id("eq", value, str(wanted), bound, width)
    if isinstance(wanted, str):
        return _of_text("eq", value, wanted, bound)
    return f"{value} = {bound.bind(wanted)}"


def _of_id(op: str, value: str, digits: str, bound: Parameters, width: int) -> str:
    whole = len(digits) == 2 * width
    if op == "starts_with":
        if len(digits) > 2 * width:
            return "false"
        least, most = (bytes.fromhex(digits.ljust(2 * width, end)) for end in "0f")
        return f"{value} BETWEEN {bound.bind(least)} AND {bound.bind(most)}"
    if op == "ne":
        return f"{value} <> {bound.bind(bytes.fromhex(digits))}" if whole else f"{value} IS NOT NULL"
    return f"{value} = {bound.bind(bytes.fromhex(digits))}" if whole else "false"


def _of_text(op: str, value: str, wanted: str, bound: Parameters) -> str:
    try:
        wanted.encode()
    except UnicodeEncodeError:  # half a surrogate pair: no stored text has one, but every text has its place before it
        if op in _SIGNS:
            return f"encode({value}) {_SIGNS[op]} {bound.bind(wanted.encode(errors='surrogatepass'))}"
        return "false"
    if op in _SIGNS:
        return f"{value} {_SIGNS[op]} {bound.bind(wanted)}"
    if op == "regex":
        return f"regexp_matches({value}, {bound.bind(wanted)})"
    if op == "search":
        words = [f"contains(lower({value}), {bound.bind(word)})" for word in fold_case(wanted).split()]
        return f"({' AND '.join(words)})" if words else f"{value} IS NOT NULL"
    return f"{_FUNCTIONS[op]}(lower({value}), {bound.bind(fold_case(wanted))})"
