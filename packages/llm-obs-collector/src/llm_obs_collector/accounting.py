"""The ledger of the whole collector, and how its parts fare, as JSON."""

from __future__ import annotations

import msgspec

from llm_obs_collector.assembly import AssemblyStatus
from llm_obs_collector.sinks.ledger import SinkCounts
from llm_obs_collector.sinks.worker import SinkStatus

__all__ = ["Ledger", "Readiness", "Received", "SinkAccount"]


class Received(msgspec.Struct):
    """Items of the requests that could be read: received = logged + repeated + rejected, exactly.

    Attributes:
        received: All of them.
        logged: On disk.
        repeated: In requests that the log already held.
        rejected: Dropped from their request, by reason.
    """

    received: int = 0
    logged: int = 0
    repeated: int = 0
    rejected: dict[str, int] = {}

    @property
    def exact(self) -> bool:
        """Whether both sides are equal."""
        return self.received == self.logged + self.repeated + sum(self.rejected.values())


class SinkAccount(msgspec.Struct, frozen=True):
    """One sink's side of the ledger, with how it fares."""

    counts: SinkCounts
    exact: bool
    dead_letter_files: int
    status: SinkStatus


class Ledger(msgspec.Struct, frozen=True):
    """Where every span went since the process started.

    Attributes:
        collector: What was received.
        exact: Whether the collector's equation holds, and every sink's.
        assembly: How what is derived fares.
        sinks: By name.
    """

    collector: Received
    exact: bool
    assembly: AssemblyStatus
    sinks: dict[str, SinkAccount]


class Readiness(msgspec.Struct, frozen=True):
    """Whether requests are taken, and why not.

    Attributes:
        ready: Whether the log can be written. A sink in trouble makes nothing unready: the log waits for it.
        trouble: Why it is not ready.
        sinks: How each fares.
    """

    ready: bool
    trouble: str
    sinks: dict[str, SinkStatus]
