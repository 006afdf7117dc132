"""JSON text as normalisers read and write it: strictly RFC 8259, bounded, without surprises in numbers and strings."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from llm_obs_core.interfaces.operations import MAX_DEPTH

__all__ = ["BEYOND", "MISSING", "JsonObject", "clean", "dump", "find", "parse"]


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No value; JSON's null is None."""

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INT64_DIGITS: Final = 19

BEYOND: Final = 10**400
"""Stands for numbers that are too large for a float."""


class JsonObject(dict[str, Any]):
    """An object that knows how many members it was written with, doubles included."""

    written = 0


def parse(text: str) -> Any:
    """The value of a text; MISSING when it is not JSON, or has more than `MAX_DEPTH` levels.

    Numbers without a fraction and an exponent are ints when they have 64 bits, all others floats; what no float can
    hold is an int beyond them. Of members with one name the last value counts, at the place of the first.
    """
    if _depth(text) > MAX_DEPTH:
        return MISSING
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_refuse)
    except ValueError:
        return MISSING


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = JsonObject(pairs)
    made.written = len(pairs)
    return made


def _int(digits: str) -> int | float:
    number = int(digits) if len(digits) <= _INT64_DIGITS + 1 else 2**64
    return number if -(2**63) <= number < 2**63 else _float(digits)


def _float(text: str) -> int | float:
    number = float(text)
    return number if math.isfinite(number) else int(math.copysign(1, number)) * BEYOND


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def find(value: Any, keys: Sequence[str | int]) -> Any:
    """What the keys lead to; MISSING when they lead nowhere or to null."""
    for key in keys:
        if isinstance(key, str):
            value = value.get(key) if isinstance(value, dict) else None
        else:
            value = value[key] if isinstance(value, list) and 0 <= key < len(value) else None
    return MISSING if value is None else value


def clean(text: str) -> str:
    """A JSON string as an attribute holds it: halves of surrogate pairs become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def dump(value: Any) -> str:
    """Compact JSON text; a half of a surrogate pair stays the escape that it came as."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
