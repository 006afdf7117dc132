"""Where each item of the log went, for one sink, exactly and at every moment.

`logged + recovered = stored + queued + undecided + duplicate + sampled out + dead letters + not routed + lost`
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

__all__ = ["Decided", "SinkCounts", "SinkLedger"]


class SinkCounts(msgspec.Struct, frozen=True):
    """One sink's ledger since the process started, in items: spans, annotations.

    Attributes:
        logged: Accepted into the log since the start, dead letters that were sent again included.
        recovered: Found in the log at the start, after the sink's Position.
        stored: Written to the store.
        queued: Derived from, not yet decided for this sink.
        undecided: Accepted, not yet derived from.
        duplicate: Spans that had been seen before, unchanged.
        sampled_out: Left out by a sampler, by policy.
        dead_letter: Kept as dead letters, by cause.
        not_routed: Of a kind that the sink does not take, by kind; for another sink alone, as `targeted`.
        lost: In records that could not be read back from the log.
    """

    logged: int
    recovered: int
    stored: int
    queued: int
    undecided: int
    duplicate: int
    sampled_out: dict[str, int]
    dead_letter: dict[str, int]
    not_routed: dict[str, int]
    lost: int

    @property
    def exact(self) -> bool:
        """Whether both sides are equal."""
        decided = self.stored + self.duplicate + self.lost
        decided += sum(sum(part.values()) for part in (self.sampled_out, self.dead_letter, self.not_routed))
        return self.logged + self.recovered == decided + self.queued + self.undecided


class Decided(msgspec.Struct):
    """What became of items; a load's own until its last write went well, then the ledger's."""

    stored: int = 0
    lost: int = 0
    duplicate: int = 0
    sampled_out: dict[str, int] = {}
    dead_letter: dict[str, int] = {}
    not_routed: dict[str, int] = {}

    @property
    def total(self) -> int:
        """All of them."""
        by_reason = (self.sampled_out, self.dead_letter, self.not_routed)
        return self.stored + self.lost + self.duplicate + sum(sum(part.values()) for part in by_reason)

    def plus(self, other: Decided) -> Decided:
        """Both together."""
        return Decided(
            self.stored + other.stored,
            self.lost + other.lost,
            self.duplicate + other.duplicate,
            _sum(self.sampled_out, other.sampled_out),
            _sum(self.dead_letter, other.dead_letter),
            _sum(self.not_routed, other.not_routed),
        )


class SinkLedger:
    """Counts as it happens. What is queued is not kept here: the log says it, so that the equation proves something."""

    def __init__(self) -> None:
        self.recovered = 0
        self._begun = False
        self.decided = Decided()
        self.pending = Decided()
        """Of the load that is being delivered: the sink's Position has not passed its records yet."""

    def moved(self, items: int) -> None:
        """The sink was started and holds so many items more, or less when negative, than was known."""
        self.pending = Decided()
        if items < 0 or not self._begun:
            self.recovered -= items
        else:
            self.decided.stored += items
        self._begun = True

    def settle(self, lost: int) -> None:
        """The load is delivered: the sink's Position has passed it."""
        self.decided = self.decided.plus(self.pending).plus(Decided(lost=lost))
        self.pending = Decided()

    def counts(self, logged: int, lag: int, undecided: int) -> SinkCounts:
        """The ledger now.

        Args:
            logged: Items accepted since the start.
            lag: Items in the log after what the sink has passed.
            undecided: Those of them that nothing is derived from yet.
        """
        now = self.decided.plus(self.pending)
        return SinkCounts(
            logged=logged,
            recovered=self.recovered,
            stored=now.stored,
            queued=lag - undecided - self.pending.total,
            undecided=undecided,
            duplicate=now.duplicate,
            sampled_out=now.sampled_out,
            dead_letter=now.dead_letter,
            not_routed=now.not_routed,
            lost=now.lost,
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in one.keys() | other.keys()}
