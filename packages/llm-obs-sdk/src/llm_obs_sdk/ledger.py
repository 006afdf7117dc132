"""What became of the spans: the SDK's side of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["FlushResult"]


@dataclass(frozen=True, slots=True)
class FlushResult:
    """The ledger at the end of a flush.

    ``created + recovered == exported + queued + spooled + sum(dropped.values())``; without `spool_dir`, `spooled` and
    `recovered` are 0.

    Attributes:
        ok: Everything that had ended before the call was delivered or dropped for a counted reason in time, and this
            flush dropped nothing.
        created: Recorded spans that have ended since `init` (since the fork in a forked child).
        exported: Spans that the collector has acknowledged.
        queued: Spans that still wait.
        dropped: Spans that are lost, by reason.
        sampled_out: Spans that head sampling did not record, or recorded and gave up; not part of `created`.
        failures: The last failure of the delivery in words; empty when it works.
        pending: Spans that have ended in traces which no rule has decided yet; not part of `created`.
        spooled: Spans that wait on disk.
        recovered: Spans that earlier processes had left there and this one took over.
    """

    ok: bool
    created: int
    exported: int
    queued: int
    dropped: dict[str, int] = field(default_factory=dict)
    sampled_out: int = 0
    failures: str = ""
    pending: int = 0
    spooled: int = 0
    recovered: int = 0
