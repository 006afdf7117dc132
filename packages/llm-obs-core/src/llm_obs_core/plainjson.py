"""Attribute values as every JSON that llm-obs gives out has them: the query API and the commands."""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["plain_json"]

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that JavaScript's numbers hold exactly."""


def plain_json(value: Any) -> Any:
    """What JSON can carry exactly: integers beyond 2⁵³ and numbers that are none become strings.

    The value itself when there is nothing to change, which is nearly always. Bytes are left to the encoder (base64).
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
