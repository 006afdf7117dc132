"""`Elapsed` in Python: from a span's start to an event or an instant."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Final

from llm_obs_core.interfaces.operations import Elapsed
from llm_obs_core.model import AttributeValue

from llm_obs_enrich.normalizer.jsontext import parse

__all__ = ["elapsed", "instant_ns"]

_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH: Final = datetime.datetime(1970, 1, 1)
_NS: Final = 10**9


def elapsed(
    operation: Elapsed, values: Mapping[str, AttributeValue], start_ns: int, events: Sequence[tuple[str, int]]
) -> float | None:
    """Seconds; None when there is nothing to say.

    Args:
        operation: The operation.
        values: The span's attributes.
        start_ns: The span's start, Unix nanoseconds; 0 when it has none.
        events: Name and Unix nanoseconds of the span's events.
    """
    if operation.event:
        moment = min((time_ns for name, time_ns in events if name == operation.event), default=None)
    else:
        moment = instant_ns(values.get(operation.instant))
    if not start_ns or moment is None or moment < start_ns:
        return None
    return float(moment - start_ns) / _NS


def instant_ns(value: AttributeValue) -> int | None:
    """Unix nanoseconds of a time of RFC 3339, or of JSON text that is one."""
    if not isinstance(value, str):
        return None
    said = parse(value)
    found = _RFC3339.fullmatch(said if isinstance(said, str) else value)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        time = datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    sign, hours, minutes = found[8], int(found[9] or 0), int(found[10] or 0)
    if hours > 23 or minutes > 59:
        return None
    seconds = (time - _EPOCH) // datetime.timedelta(seconds=1)
    seconds -= (60 * hours + minutes) * 60 * (-1 if sign == "-" else 1)
    return seconds * _NS + int((found[7] or "0")[:9].ljust(9, "0"))
