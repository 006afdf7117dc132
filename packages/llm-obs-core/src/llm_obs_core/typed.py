"""What an attribute's value counts as when a column needs an int, a text, a bool or seconds.

Senders differ in types: a count may come as text or as a double. These are the rules; core_ext applies the same ones.
"""

from __future__ import annotations

import re
from typing import Final

from llm_obs_core.model import AttributeValue

__all__ = ["as_bool", "as_first_text", "as_int", "as_nanoseconds", "as_text"]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
DECIMAL: Final = re.compile(r"-?[0-9]{1,19}")


def as_int(value: AttributeValue) -> int | None:
    """An int of 64 bits: an int, a double without a fraction, or decimal digits; else None."""
    match value:
        case bool():
            return None
        case float():
            return int(value) if value.is_integer() and INT64_MIN <= value < 2.0**63 else None
        case str() if DECIMAL.fullmatch(value):
            value = int(value)
    return value if isinstance(value, int) and INT64_MIN <= value <= INT64_MAX else None


def as_text(value: AttributeValue) -> str | None:
    """A text: a string, or an int as its decimal digits (ids and versions are often numbers); else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def as_first_text(value: AttributeValue) -> str | None:
    """A string, or the first item of a list when that is a string; else None."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str) else None


def as_bool(value: AttributeValue) -> bool | None:
    """A bool; else None."""
    return value if isinstance(value, bool) else None


def as_nanoseconds(value: AttributeValue) -> int | None:
    """Seconds, a double or an int, as nanoseconds, rounded half to even; None when negative or over 2⁶³ - 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    scaled = float(value) * 1e9
    return round(scaled) if 0.0 <= scaled < 2.0**63 else None
