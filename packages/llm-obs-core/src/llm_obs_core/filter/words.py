"""The words of the written form: how a text is cut, how values are written, and the names for people."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from llm_obs_core.filter.tree import Operator

__all__ = ["ALIASES", "KEYWORDS", "SIGNS", "UNITS_NS", "Alias", "Word", "words"]

SIGNS: Final[dict[str, Operator]] = {
    "=": "eq",
    "!=": "ne",
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "~": "regex",
}
"""Operators that are written as signs; the others as their names."""

KEYWORDS: Final = ("and", "or", "not", "all", "none")
"""Words that are no field; `all` is always true, `none` never."""

UNITS_NS: Final = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60 * 1_000_000_000, "h": 3_600 * 1_000_000_000,
}  # fmt: skip
"""Units that a number of a field in nanoseconds may have."""


class Alias(NamedTuple):
    """A shorter name for people: its field, and by how much a number without a unit is multiplied."""

    field: str
    factor: int = 1


_USD: Final = 1_000_000_000
ALIASES: Final[dict[str, Alias]] = {
    "cost": Alias("cost_nano_usd", _USD),
    "duration": Alias("duration_ns", UNITS_NS["s"]),
    "ttft": Alias("ttft_ns", UNITS_NS["s"]),
    "trace.cost": Alias("trace.cost_nano_usd", _USD),
    "trace.duration": Alias("trace.duration_ns", UNITS_NS["s"]),
    "trace.ttft": Alias("trace.ttft_ns", UNITS_NS["s"]),
}
"""Cost in US dollars; times in seconds, or with a unit."""


class Word(NamedTuple):
    """One word: `kind` is `sign`, `quoted`, `plain`, `name` (a field whose name is partly quoted) or `end`."""

    kind: str
    text: str
    at: int


_WORDS: Final = re.compile(
    r"""\s*(?:
        (?P<sign>[()\[\],]|!=|>=|<=|[=<>~])
        |(?P<name>[A-Za-z_]+\."(?:[^"\\]|\\.)*")
        |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
        |(?P<plain>[^\s()\[\],=<>!~"']+)
        |(?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)


def words(text: str) -> tuple[list[Word], int | None]:
    """The words of a text, an `end` last, and where it cannot be cut further (None: nowhere)."""
    found: list[Word] = []
    at = 0
    while True:
        match = _WORDS.match(text, at)
        if match is None:
            rest = len(text) - len(text[at:].lstrip())
            return found, rest
        kind = match.lastgroup or "end"
        found.append(Word(kind, match[kind], match.start(kind)))
        if kind == "end":
            return found, None
        at = match.end()
