"""Out of the collector: sinks store what the log holds."""

from __future__ import annotations

from typing import Protocol

import msgspec

from llm_obs_core.interfaces.batch import ContentBatch, Rows, SpanBatch
from llm_obs_core.model import PayloadKind, Position

__all__ = ["Sink", "SinkLimits", "SinkPart", "SinkWrite"]


class SinkLimits(msgspec.Struct, frozen=True):
    """What a sink takes at once; the worker keeps to it.

    Attributes:
        kinds: The payload kinds it stores; items of other kinds count as not routed. CONTENTS need SPANS.
        max_items: Items (spans, annotations, …) a write, nearly: what is covered together may be a little more.
        max_bytes: Bytes of payload a write, nearly.
        flush_interval_s: Longest time that a derived record waits for its write, seconds.
    """

    kinds: frozenset[PayloadKind] = frozenset({PayloadKind.SPANS})
    max_items: int = 65_536
    max_bytes: int = 64 * 1024 * 1024
    flush_interval_s: float = 1.0


class SinkPart(msgspec.Struct, frozen=True):
    """Rows of one kind and one tenant.

    Attributes:
        kind: What the rows are.
        tenant: Whose.
        first: Derived Position of the first batch that they are of.
        last: Derived Position of the last.
        rows: A `SpanBatch` for SPANS; for other kinds rows as columns: MEASURES have `MEASURE_KEYS` and
            `MEASURE_VALUES`, ANNOTATIONS `ANNOTATION_COLUMNS`, CALLS `CALL_COLUMNS`, CORRECTIONS
            `CORRECTION_COLUMNS`. Measures, calls and corrections are of one record, whose Position is `first` and
            `last`: by it they are known again.
        received_ns: When the last of them was received, Unix nanoseconds; 0 when unknown.
        contents: Of SPANS, where the sink takes CONTENTS: their messages with the tenant's digests. The key of the
            digests never leaves the collector.
    """

    kind: PayloadKind
    tenant: str
    first: Position
    last: Position
    rows: Rows
    received_ns: int = 0
    contents: ContentBatch | None = None

    @property
    def spans(self) -> SpanBatch:
        """The rows of a part of SPANS."""
        assert self.kind is PayloadKind.SPANS, self.kind
        return self.rows  # type: ignore[return-value]


class SinkWrite(msgspec.Struct, frozen=True):
    """What is stored at once.

    Attributes:
        parts: Of spans at most one a tenant, of other kinds one a record; may be empty.
        first: Derived Position of the first record that the range holds.
        last: Derived Position of the last.
        final: Whether the sink then holds everything up to `last`. When not, this is a part of the range, and others of
            the same `first` and `last` follow, the last of them final. A write may come again, also one that is not
            final: it holds only rows with an identity of their own (SPANS, ANNOTATIONS, CALLS); rows whose identity
            is the Position come with the final one, all of a Position together.
    """

    parts: tuple[SinkPart, ...]
    first: Position
    last: Position
    final: bool = True


class Sink(Protocol):
    """Stores what the log holds.

    Order of calls: `start`, then `write` with ascending Positions, one at a time, then `stop`. After a crash `start`
    says where the sink is, and everything after it is written again. A transactional sink keeps the Position with the
    data: a range becomes visible, and its Position moves, in the transaction of the final write; what came before it of
    the same range is dropped at a start. Any other sink is deduplicated: spans on (tenant, trace, span), of two the one
    at the higher Position wins, within one write the later row; rows of other derived kinds by the Position that they
    are of. One instance serves one partition of one writer's log.

    What takes longer than `sinks.<name>.worker.timeout_s` is cancelled, and tried again when it has ended:
    CancelledError must leave nothing behind that goes on, such as a thread (`llm_obs_core.threads.in_thread` waits for
    it). A write that was cut off may be stored or not; it comes again.
    """

    @property
    def limits(self) -> SinkLimits:
        """Constant once made."""

    async def start(self) -> Position | None:
        """Opens the store. Returns the last Position it holds for good, None when it cannot say.

        A store that an older version fed may return a Position of the accepted stream: it holds all of that.
        """

    async def write(self, write: SinkWrite) -> None:
        """Stores every part, all or none where the store can; returns when it is durable.

        Raises:
            RetryableError: Try the same write again later.
            PermanentError: `items` (rows, counted through the parts in order) can never be stored. The other rows are
                written again without them. When it cannot say which, the records are tried one by one.
            StoreError: The store is not where it should be; the sink is stopped and started again.
        """

    async def stop(self) -> None:
        """Flushes and closes. May be called twice and after a failed start."""
