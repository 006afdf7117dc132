"""Out of the collector: sinks store batches, notifiers carry alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from llm_obs_core.interfaces.batch import ContentBatch, MeasureBatch, SpanBatch
from llm_obs_core.model import Position, RecordKind

__all__ = ["Notification", "Notifier", "Sink", "SinkLimits", "SinkPart"]


class SinkLimits(msgspec.Struct, frozen=True):
    """What a sink takes at once; the worker keeps to it.

    Attributes:
        kinds: The record kinds it stores; records of other kinds count as not routed.
        measures: Whether it wants measures computed for each part.
        contents: Whether it wants the messages of each part taken apart and digested.
        max_spans: Spans a write.
        max_bytes: Bytes of canonical payload a write.
        flush_interval_s: Longest time a record waits for its write, seconds.
        whole_records: Whether a write ends at the end of a record: right for a store that keeps Positions. A record
            that alone is larger than the limits is then written as it is; a store that cannot take it says False
            here, and is given its spans in several writes.
    """

    kinds: frozenset[RecordKind] = frozenset({RecordKind.SPANS})
    measures: bool = False
    contents: bool = False
    max_spans: int = 65_536
    max_bytes: int = 64 * 1024 * 1024
    flush_interval_s: float = 1.0
    whole_records: bool = True


class SinkPart(msgspec.Struct, frozen=True):
    """One tenant's share of a write.

    Attributes:
        tenant: The tenant.
        first: Position of the first record in this part.
        last: Position of the last.
        spans: The spans of those records, in order.
        received_ns: When the last of those records was received, Unix nanoseconds.
        measures: What those spans measure, or None when the sink did not ask.
        contents: Their messages with the tenant's digests, or None when the sink did not ask. The key of the digests
            never leaves the collector.
    """

    tenant: str
    first: Position
    last: Position
    spans: SpanBatch
    received_ns: int = 0
    measures: MeasureBatch | None = None
    contents: ContentBatch | None = None


class Sink(Protocol):
    """Stores what the log holds.

    Order of calls: `start`, then `write` with ascending Positions, one at a time, then `stop`. After a crash `start`
    says where the sink is, and everything behind that is written again: a transactional sink keeps the Position with
    the data and stores nothing twice; any other is deduplicated on (tenant, trace, span): of two spans the one at the
    higher Position wins, within one write the later row. One instance serves one partition of one writer's log.

    What takes longer than `sinks.<name>.worker.timeout_s` is cancelled, and tried again when it has ended:
    CancelledError must leave nothing behind that goes on, such as a thread (`llm_obs_core.threads.in_thread` waits for
    it). A write that was cut off may be stored or not; it comes again.

    Where a record goes in several writes (`SinkLimits.whole_records`), all but the last of them say as `last` the
    Position before the record, so that a crash between them loses nothing.
    """

    @property
    def limits(self) -> SinkLimits:
        """Constant once made."""

    async def start(self) -> Position | None:
        """Opens the store. Returns the last Position it holds for good, None when it cannot say."""

    async def write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        """Stores every part, all or none where the store can; returns when it is durable.

        Raises:
            RetryableError: Try the same parts again later.
            PermanentError: `items` (rows, counted through the parts in order) can never be stored. The other rows are
                written again without them. When it cannot say which, the records are tried one by one.
            StoreError: The store is not where it should be; the sink is stopped and started again.
        """

    async def stop(self) -> None:
        """Flushes and closes. May be called twice and after a failed start."""


class Notification(msgspec.Struct, frozen=True):
    """An alert on its way to people; times are Unix nanoseconds."""

    name: str
    severity: str
    summary: str
    description: str
    starts_ns: int
    ends_ns: int | None
    labels: dict[str, str]


class Notifier(Protocol):
    """Carries alerts."""

    async def notify(self, notification: Notification) -> None:
        """Delivers one. Raises RetryableError or PermanentError."""
