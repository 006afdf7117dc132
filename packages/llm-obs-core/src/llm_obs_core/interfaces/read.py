"""Reading back: what a store answers the query API. Every method takes the scope first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from llm_obs_core.model import Span

__all__ = [
    "AggregateQuery",
    "AggregateResult",
    "AggregateRow",
    "ContentItem",
    "Coverage",
    "Cursor",
    "Reader",
    "Scope",
    "StoredSpan",
    "StoredSpans",
    "StoredTrace",
    "TraceFilter",
    "TraceOutline",
    "TracePage",
    "TraceSummary",
    "ValueCount",
]


class Scope(msgspec.Struct, frozen=True):
    """What the asker may see; a reader returns nothing beyond it.

    Attributes:
        tenants: Tenants whose data may be returned.
        content: Whether prompts, answers and tool arguments may be returned.
    """

    tenants: tuple[str, ...]
    content: bool = False


class Coverage(msgspec.Struct, frozen=True):
    """What an answer rests on.

    Attributes:
        sources: Names of the readers asked.
        tiers: Tiers read: hot, warm, cold.
        basis: `exact` when counts come from measures of every span, `weighted` when from sampled spans.
        fresh_to_ns: Everything received up to this Unix time in nanoseconds is in the answer; None when unknown.
        damaged: Parts of the stores that cannot be read, by name: what they hold is missing in the answer.
    """

    sources: tuple[str, ...]
    tiers: tuple[str, ...] = ("hot",)
    basis: str = "exact"
    fresh_to_ns: int | None = None
    damaged: tuple[str, ...] = ()


class TraceFilter(msgspec.Struct, frozen=True):
    """Which traces: all given conditions must hold; each of those on spans holds when any span of the trace meets it.

    Attributes:
        start_ns: The trace starts at or after this Unix time, nanoseconds.
        end_ns: The trace starts before this.
        trace_id: Hexadecimal prefix.
        name: Part of the root's name, any case.
        service: The root's or any span's service.
        environment: Deployment environment.
        application: Application.
        operation: GenAI operation.
        provider: Provider.
        model: Model asked for or that answered.
        user_id: User.
        session_id: Conversation.
        error: True: with an error; False: without.
        error_type: A span's error type.
        finish_reason: A span's finish reason.
        min_duration_ns: The trace takes at least this.
        max_duration_ns: … at most this.
        min_cost_nano_usd: The trace costs at least this.
        min_tokens: Input and output tokens together, at least.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    trace_id: str | None = None
    name: str | None = None
    service: str | None = None
    environment: str | None = None
    application: str | None = None
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    error: bool | None = None
    error_type: str | None = None
    finish_reason: str | None = None
    min_duration_ns: int | None = None
    max_duration_ns: int | None = None
    min_cost_nano_usd: int | None = None
    min_tokens: int | None = None


class Cursor(NamedTuple):
    """A place in a list of traces: the last one returned.

    The list is ordered by all three, descending: traces may start together, and two tenants may have the same id.
    """

    start_ns: int
    trace_id: bytes
    tenant: str = ""


class TraceSummary(msgspec.Struct, frozen=True):
    """One line of the trace list; sums are over model calls with role leaf.

    What is taken from one span (the first user …) is the earliest one's; of spans that start together the one with the
    smallest value.

    Attributes:
        tenant: Its tenant.
        trace_id: 16 bytes.
        start_ns: Earliest start of its spans.
        duration_ns: Latest end minus earliest start.
        name: The root's name; the earliest span's when the root is missing.
        service: The root's service.
        has_root: Whether the root was received.
        span_count: Spans stored.
        error_count: Spans with an error.
        call_count: Model calls.
        input_tokens: Sum.
        output_tokens: Sum.
        cost_nano_usd: Sum of the priced calls; None when none was priced.
        unpriced_calls: Calls with usage and no price.
        ttft_ns: The first call's time to first token.
        models: Models that answered (or were asked for), sorted.
        providers: Providers, sorted.
        user_id: The first user found.
        session_id: The first conversation found.
        application: The first application found.
    """

    tenant: str
    trace_id: bytes
    start_ns: int
    duration_ns: int
    name: str
    service: str | None
    has_root: bool
    span_count: int
    error_count: int
    call_count: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int | None
    unpriced_calls: int
    ttft_ns: int | None
    models: tuple[str, ...]
    providers: tuple[str, ...]
    user_id: str | None
    session_id: str | None
    application: str | None


class TracePage(msgspec.Struct, frozen=True):
    """Traces, newest first; `next` continues the list, None at its end."""

    traces: tuple[TraceSummary, ...]
    next: Cursor | None
    coverage: Coverage


class ContentItem(msgspec.Struct, frozen=True):
    """One message of a span's content.

    Attributes:
        slot: A slot of `CONTENT_SLOTS`.
        index: Its place in the slot, from 0.
        digest: 16 bytes.
        body: JSON or plain text, exactly as stored; None when the content is not kept or not permitted.
        body_bytes: Its length in bytes, also when the body is not given.
    """

    slot: str
    index: int
    digest: bytes
    body: str | None
    body_bytes: int


class StoredSpan(msgspec.Struct, frozen=True):
    """A span of a trace: the span itself without its content, its columns (`SPAN_COLUMNS`), and the content."""

    span: Span
    columns: dict[str, str | bytes | int | float | bool | None]
    content: tuple[ContentItem, ...]


class StoredTrace(msgspec.Struct, frozen=True):
    """A whole trace, spans by start time."""

    summary: TraceSummary
    spans: tuple[StoredSpan, ...]
    coverage: Coverage


class TraceOutline(msgspec.Struct, frozen=True):
    """A whole trace without payloads and content, in columns: what a waterfall of 10,000 spans is drawn from.

    Attributes:
        summary: As in `StoredTrace`.
        columns: Each column asked for, one value a span; spans by start time, then id.
        coverage: What it rests on.
    """

    summary: TraceSummary
    columns: dict[str, list[Any]]
    coverage: Coverage


class StoredSpans(msgspec.Struct, frozen=True):
    """Some spans of a trace, by start time; none when the trace has none of them."""

    tenant: str
    spans: tuple[StoredSpan, ...]
    coverage: Coverage


class AggregateQuery(msgspec.Struct, frozen=True):
    """Sums over model calls.

    Attributes:
        start_ns: From the minute of this Unix time on (calls are kept by the minute of their start).
        end_ns: Minutes that begin before this.
        group_by: Names out of `MEASURE_KEYS`, also `model` (the one that answered, else the one asked for).
        interval_ns: Width of time buckets from the Unix epoch on, a multiple of a minute; None for no buckets.
        filter: Names out of `group_by`'s, each with the values that count; None in a tuple matches null.
    """

    start_ns: int | None = None
    end_ns: int | None = None
    group_by: tuple[str, ...] = ()
    interval_ns: int | None = None
    filter: dict[str, tuple[str | int | bool | None, ...]] = {}


class AggregateRow(msgspec.Struct, frozen=True):
    """One group's sums.

    Attributes:
        keys: One value for each name of `group_by`.
        bucket_ns: Start of the time bucket, or None.
        values: Every non-histogram name of `MEASURE_VALUES`.
        duration_hist: Sparse `llm_obs.hist.v1`, nanoseconds.
        ttft_hist: Sparse `llm_obs.hist.v1`, nanoseconds.
    """

    keys: tuple[str | int | bool | None, ...]
    bucket_ns: int | None
    values: dict[str, int]
    duration_hist: dict[int, int]
    ttft_hist: dict[int, int]


class AggregateResult(msgspec.Struct, frozen=True):
    """Groups in no promised order; none when no call matches."""

    rows: tuple[AggregateRow, ...]
    coverage: Coverage


class ValueCount(NamedTuple):
    """A value of a key and how many calls had it."""

    value: str
    requests: int


class Reader(Protocol):
    """Answers questions about what a store holds. Order of calls: `start`, any, `stop`; calls may overlap."""

    async def start(self) -> None:
        """Opens the store for reading; works beside another process that writes it."""

    async def find_traces(
        self, scope: Scope, where: TraceFilter, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The traces that match, at most `first`, in the order of `Cursor`."""

    async def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One whole trace, of the first tenant of the scope that has it; None when there is none."""

    async def outline(self, scope: Scope, trace_id: bytes, columns: Sequence[str]) -> TraceOutline | None:
        """As `trace`, but only these columns of `SPAN_COLUMNS`; reads neither payloads nor content.

        Raises:
            LlmObsError: A name that is no column.
        """

    async def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
        """As `trace`, but only the spans of these ids, in the time that these take; None without such a trace."""

    async def aggregate(self, scope: Scope, query: AggregateQuery) -> AggregateResult:
        """Exact sums from measures.

        Raises:
            LlmObsError: A name that is no key, or an interval that is not a multiple of a minute.
        """

    async def values(
        self, scope: Scope, key: str, *, prefix: str = "", start_ns: int | None = None, first: int = 100
    ) -> Sequence[ValueCount]:
        """The commonest values of a key of `MEASURE_KEYS` (also `model`), for filters and completion.

        Commonest first, then by value; null is not one. Booleans are `true` and `false`, numbers decimal.
        """

    async def stop(self) -> None:
        """Closes. May be called twice."""
