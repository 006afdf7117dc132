"""Where each span of the log went, for one sink, exactly and at every moment.

`logged + recovered = stored + queued + dead letters + not routed + lost`
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Decided", "SinkCounts", "SinkLedger"]


class SinkCounts(msgspec.Struct, frozen=True):
    """One sink's ledger since the process started, in spans.

    Attributes:
        logged: Appended to the log since the start, dead letters that were sent again included.
        recovered: Found in the log at the start, behind the sink's Position.
        stored: Written to the store.
        queued: In the log, not yet decided.
        dead_letter: Kept as dead letters, by cause.
        not_routed: Of a kind that the sink does not take, by kind.
        lost: In records that could not be read back from the log.
    """

    logged: int
    recovered: int
    stored: int
    queued: int
    dead_letter: dict[str, int]
    not_routed: dict[str, int]
    lost: int

    @property
    def exact(self) -> bool:
        """Whether both sides are equal."""
        decided = self.stored + sum(self.dead_letter.values()) + sum(self.not_routed.values()) + self.lost
        return self.logged + self.recovered == decided + self.queued


class Decided(msgspec.Struct):
    """What became of spans; a load's own until its last write went well, then the ledger's."""

    stored: int = 0
    lost: int = 0
    dead_letter: dict[str, int] = {}
    not_routed: dict[str, int] = {}

    @property
    def total(self) -> int:
        """All of them."""
        return self.stored + self.lost + sum(self.dead_letter.values()) + sum(self.not_routed.values())

    def plus(self, other: Decided) -> Decided:
        """Both together."""
        return Decided(
            self.stored + other.stored,
            self.lost + other.lost,
            _sum(self.dead_letter, other.dead_letter),
            _sum(self.not_routed, other.not_routed),
        )


class SinkLedger:
    """Counts as it happens. `queued` is not kept here: the log says it, so that the equation proves something."""

    def __init__(self) -> None:
        self.recovered = 0
        self._begun = False
        self.decided = Decided()
        self.pending = Decided()
        """Of the load that is being delivered: its records are not behind the sink's Position yet."""

    def moved(self, spans: int) -> None:
        """The sink was started and holds so many spans more, or less when negative, than was known."""
        self.pending = Decided()
        if spans < 0 or not self._begun:
            self.recovered -= spans
        else:
            self.decided.stored += spans
        self._begun = True

    def settle(self, lost: int) -> None:
        """The load is delivered: the sink's Position has moved behind it."""
        self.decided = self.decided.plus(self.pending).plus(Decided(lost=lost))
        self.pending = Decided()

    def counts(self, logged: int, backlog: int) -> SinkCounts:
        """The ledger now, from what the log has taken and what it holds behind the sink's Position."""
        now = self.decided.plus(self.pending)
        return SinkCounts(
            logged=logged,
            recovered=self.recovered,
            stored=now.stored,
            queued=backlog - self.pending.total,
            dead_letter=now.dead_letter,
            not_routed=now.not_routed,
            lost=now.lost,
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in one.keys() | other.keys()}
