"""Numbers, times and foreign texts as people read them in a terminal. Machines get the exact values by `--json`."""

from __future__ import annotations

import datetime
import re
from typing import Final

from llm_obs_core.errors import LlmObsError

__all__ = ["clean", "count", "digits_apart", "duration", "moment", "money", "since_ns", "span_ns"]

NONE: Final = "-"
NANO: Final = 1_000_000_000
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": NANO, "m": 60 * NANO, "h": 3600 * NANO, "d": 86400 * NANO}


def clean(text: str) -> str:
    """A sender's text without what could steer a terminal: control characters become visible."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def money(nano_usd: int | None) -> str:
    """Dollars: two decimals from a dollar on, below it at least three digits that say something."""
    if nano_usd is None:
        return NONE
    if nano_usd == 0:
        return "$0"
    sign, nano = ("-", -nano_usd) if nano_usd < 0 else ("", nano_usd)
    if nano >= NANO:
        return f"{sign}${nano / NANO:,.2f}"
    if nano >= NANO // 1000:
        return f"{sign}${nano / NANO:.4f}"
    digits = f"{nano:09d}"
    first = len(digits) - len(digits.lstrip("0"))
    return f"{sign}$0.{digits[: first + 3].rstrip('0')}"


def duration(ns: int | None) -> str:
    """A duration with its unit: three digits below a minute, minutes and hours above."""
    if ns is None:
        return NONE
    for unit, size, above in (("ns", 1, 1_000), ("µs", 1_000, 1_000), ("ms", 1_000_000, 1_000), ("s", NANO, 60)):
        value = ns / size
        if value < above - (0.5 if above == 1_000 else 0.05):
            return f"{value:.0f} {unit}" if unit == "ns" or value >= 100 else f"{value:.3g} {unit}"
    minutes, seconds = divmod(round(ns / NANO), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours else f"{minutes}m {seconds:02d}s"


def digits_apart(ids: list[str]) -> int:
    """How many digits tell these ids apart, at least eight."""
    return next((size for size in range(8, 32) if len({item[:size] for item in ids}) == len(set(ids))), 32)


def count(number: int) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}"


def moment(ns: int, now: datetime.datetime | None = None) -> str:
    """A point in time, local: the time alone today, with the day otherwise."""
    there = datetime.datetime.fromtimestamp(ns // NANO).astimezone()
    today = (now or datetime.datetime.now()).astimezone().date()
    if there.date() == today:
        return f"{there:%H:%M:%S}"
    return f"{there:%b %d %H:%M}" if there.year == today.year else f"{there:%Y-%m-%d %H:%M}"


def span_ns(text: str, where: str) -> int:
    """Nanoseconds of `250ms`, `1.5s`, `15m`, `2h`, `7d`.

    Raises:
        LlmObsError: It is no duration.
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(ns|us|ms|s|m|h|d)", text.strip())
    if found is None:
        raise LlmObsError("a duration such as 250ms, 1.5s, 15m, 2h or 7d", got=repr(text), where=where)
    return round(float(found[1]) * _UNITS[found[2]])


def since_ns(text: str, where: str, now_ns: int) -> int:
    """Unix nanoseconds of a moment: so long ago (`15m`), or ISO 8601 in local time unless it says otherwise.

    Raises:
        LlmObsError: It is neither.
    """
    if re.fullmatch(r"[0-9.]+ ?[a-z]+", text.strip()):
        return now_ns - span_ns(text, where)
    try:
        there = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        raise LlmObsError("a time such as 15m, 2h, 7d (ago) or 2026-01-31T09:30", got=repr(text), where=where) from None
    return int(there.astimezone().timestamp() * 1_000_000) * 1_000
