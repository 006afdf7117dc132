"""Who answers what: one authoritative reader for each question, origin of data and time.

Readers that hold the data of one log writer hold the same data, and are never added up. The complete one goes before
the sampled one, then the preferred one before the others; it answers over the whole time that it holds, the next one
only for what is before or after that. Where two are equal, nothing is answered until the configuration says which.
Readers of different writers hold different data: what they answer is joined.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import About, Question

__all__ = ["Held", "Range", "Share", "plan"]

_OF_EVERY_SPAN: Final = (Question.MEASURES, Question.VALUES)
"""Sums are of every span in any store, so that a sample is as good as the whole."""


class Range(NamedTuple):
    """A time from its start on and before its end, Unix nanoseconds; None: without such a bound."""

    start_ns: int | None = None
    end_ns: int | None = None

    def within(self, other: Range) -> Range | None:
        """The time that is in both; None when there is none."""
        starts = [bound for bound in (self.start_ns, other.start_ns) if bound is not None]
        ends = [bound for bound in (self.end_ns, other.end_ns) if bound is not None]
        both = Range(max(starts, default=None), min(ends, default=None))
        empty = both.start_ns is not None and both.end_ns is not None and both.start_ns >= both.end_ns
        return None if empty else both

    def without(self, other: Range) -> list[Range]:
        """The time of this that is not in the other."""
        parts = [
            None if other.start_ns is None else self.within(Range(None, other.start_ns)),
            None if other.end_ns is None else self.within(Range(other.end_ns, None)),
        ]
        return [part for part in parts if part is not None]


class Held(NamedTuple):
    """A configured reader and what it says about itself.

    Attributes:
        name: In the configuration.
        about: As it says; `origin` as the configuration says, where it does.
        prefer: Whether the configuration prefers it.
    """

    name: str
    about: About
    prefer: bool = False


class Share(NamedTuple):
    """A reader and the times for which it is asked; the one without bounds when nothing is left to others."""

    name: str
    ranges: tuple[Range, ...] = (Range(),)

    @property
    def whole(self) -> bool:
        """Whether all of its data counts."""
        return self.ranges == (Range(),)


def plan(question: Question, readers: Sequence[Held]) -> list[Share]:
    """The readers that answer a question, in the order of the configuration; none when none can.

    Raises:
        ConfigError: Two could answer for the same data and neither is preferred, or the preferred one lacks some of it.
    """
    able = [reader for reader in readers if question in reader.about.questions]
    shares: list[Share] = []
    for reader in able:
        before = [other for other in able if other is not reader and _same(reader, other)]
        left = [Range()]
        for other in before:
            mine, theirs = _rank(question, reader), _rank(question, other)
            if mine == theirs:
                raise _undecided(question, reader, other)
            if mine < theirs:
                left = [part for whole in left for part in whole.without(_time(other))]
        _check_nothing_lost(
            question, reader, [other for other in before if _rank(question, reader) < _rank(question, other)]
        )
        held = [part for part in left if part.within(_time(reader)) is not None]
        if held:
            shares.append(Share(reader.name, tuple(held)))
    return shares


def _rank(question: Question, reader: Held) -> tuple[bool, bool]:
    return question in _OF_EVERY_SPAN or reader.about.complete, reader.prefer


def _time(reader: Held) -> Range:
    return Range(reader.about.start_ns, reader.about.end_ns)


def _same(one: Held, other: Held) -> bool:
    """Whether they may hold the same data at the same time; a reader that does not know its origin may hold any."""
    origins = one.about.origin, other.about.origin
    shared = not all(origins) or bool(origins[0] & origins[1])
    return shared and _time(one).within(_time(other)) is not None


def _undecided(question: Question, one: Held, other: Held) -> ConfigError:
    shared = sorted(one.about.origin & other.about.origin)
    if shared:
        return ConfigError(
            f"one reader that answers for the {question} of writer {', '.join(shared)}",
            got=f"two readers of one origin, {one.name} and {other.name}, whose sums would count everything twice",
            where=f"readers.{other.name}",
            fix=f"set readers.{one.name}.prefer = true, or remove or disable one of them",
        )
    unknown = one if not one.about.origin else other
    return ConfigError(
        f"the log writers whose data reader {unknown.name} holds",
        got=f"none known yet, and {one.name} and {other.name} both answer for {question}",
        where=f"readers.{unknown.name}.origin",
        fix=f"set it to their `server.writer`, or readers.{one.name}.prefer = true when both readers hold the same",
    )


def _check_nothing_lost(question: Question, reader: Held, before: Sequence[Held]) -> None:
    """What goes before a reader must hold all that it holds, or the rest of its data would never be seen."""
    if not all(other.about.origin for other in before):
        return  # the configuration says that they hold the same
    for time in _pieces([_time(other) for other in before]):
        over = [other for other in before if time.within(_time(other)) is not None]
        if over and time.within(_time(reader)) is not None:
            _check_covered(question, reader, over)


def _pieces(times: Sequence[Range]) -> list[Range]:
    """All of time, cut where any of these begins or ends."""
    cuts = sorted({bound for time in times for bound in time if bound is not None})
    return [Range(start_ns, end_ns) for start_ns, end_ns in itertools.pairwise([None, *cuts, None])]


def _check_covered(question: Question, reader: Held, before: Sequence[Held]) -> None:
    lost = reader.about.origin.difference(*(other.about.origin for other in before))
    if lost:
        raise ConfigError(
            f"readers of different writers, or one that holds all that another holds, for {question}",
            got=f"{' and '.join(other.name for other in before)} before {reader.name}, which alone holds writer "
            f"{', '.join(sorted(lost))}",
            where=f"readers.{reader.name}",
            fix=f"set readers.{reader.name}.prefer = true instead, or split the stores by writer",
        )
