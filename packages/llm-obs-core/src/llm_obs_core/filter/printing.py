"""From a filter to its written form; `parse` reads it back."""

from __future__ import annotations

import json
import re
from typing import Final

from llm_obs_core.filter.tree import And, Condition, Filter, Not, Or, Scalar, simplified
from llm_obs_core.filter.words import SIGNS

__all__ = ["text"]

_PLAIN_NAME: Final = re.compile(r"[^\s()\[\],=<>!~\"']+")
_SIGN_OF: Final = {op: sign for sign, op in SIGNS.items()}


def text(where: Filter) -> str:
    """The written form; empty when the filter is always true."""
    where = simplified(where)
    return "" if where == And() else _text(where, inside="")


def _text(where: Filter, inside: str) -> str:
    match where:
        case Condition():
            return _condition(where)
        case Not():
            return f"not {_text(where.item, 'not')}"
        case And() | Or():
            if not where.items:
                return "none" if isinstance(where, Or) else "all"
            word = "and" if isinstance(where, And) else "or"
            joined = f" {word} ".join(_text(item, word) for item in where.items)
            loose = not inside or (word == "and" and inside == "or")
            return joined if loose else f"({joined})"


def _condition(condition: Condition) -> str:
    name, value = _name(condition.field), condition.value
    if condition.op == "exists":
        return f"{name} exists" if value is True else f"{name} not exists"
    op = _SIGN_OF.get(condition.op, condition.op)
    if isinstance(value, tuple):
        return f"{name} {op} ({', '.join(map(_value, value))})"
    return f"{name} {op} {_value(value)}"


def _name(field: str) -> str:
    if _PLAIN_NAME.fullmatch(field):
        return field
    head, _, rest = field.partition(".")
    return f"{head}.{_quoted(rest)}"


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
