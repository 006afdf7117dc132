"""Reading back: what a store answers the query API. Every query takes the scope first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from llm_obs_core.filter import And, Filter
from llm_obs_core.interfaces.about import About
from llm_obs_core.model import Span

__all__ = [
    "AggregateQuery",
    "AggregateResult",
    "AggregateRow",
    "Annotations",
    "Columns",
    "ContentItem",
    "Coverage",
    "Cursor",
    "FoundSpan",
    "Reader",
    "Scope",
    "SessionCursor",
    "SessionPage",
    "SessionQuery",
    "SessionSummary",
    "SpanCursor",
    "SpanPage",
    "SpanQuery",
    "StoredAnnotation",
    "StoredSpan",
    "StoredSpans",
    "StoredTrace",
    "TraceOutline",
    "TracePage",
    "TraceQuery",
    "TraceSummary",
    "ValueCount",
]


Columns = dict[str, str | bytes | int | float | bool | None]
"""`SPAN_COLUMNS` of one span, by name."""


class Scope(msgspec.Struct, frozen=True):
    """What the sender of a query may see; a reader returns nothing beyond it.

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


class TraceQuery(msgspec.Struct, frozen=True):
    """Which traces.

    Attributes:
        where: What they have to meet.
        start_ns: The trace starts at or after this Unix time, nanoseconds.
        end_ns: The trace starts before this.
    """

    where: Filter = And()
    start_ns: int | None = None
    end_ns: int | None = None


class SpanQuery(msgspec.Struct, frozen=True):
    """Which spans, of all traces.

    Attributes:
        where: What they have to meet.
        start_ns: The span starts at or after this Unix time, nanoseconds.
        end_ns: The span starts before this.
    """

    where: Filter = And()
    start_ns: int | None = None
    end_ns: int | None = None


class SessionQuery(msgspec.Struct, frozen=True):
    """Which sessions: those with a trace that meets `where` and starts in the time; each is returned whole.

    Attributes:
        where: What one of its traces has to meet.
        start_ns: That trace starts at or after this Unix time, nanoseconds.
        end_ns: That trace starts before this.
    """

    where: Filter = And()
    start_ns: int | None = None
    end_ns: int | None = None


class Cursor(NamedTuple):
    """Where a list of traces goes on: after the last one returned.

    The list is ordered by all three, descending: traces may start together, and two tenants may have the same id.
    """

    start_ns: int
    trace_id: bytes
    tenant: str = ""


class SpanCursor(NamedTuple):
    """Where a list of spans goes on: after the last one returned. Ordered by all four, descending."""

    start_ns: int
    trace_id: bytes
    span_id: bytes
    tenant: str = ""


class SessionCursor(NamedTuple):
    """Where a list of sessions goes on: after the last one returned. Ordered by all three, descending."""

    end_ns: int
    session_id: str
    tenant: str = ""


class TraceSummary(msgspec.Struct, frozen=True):
    """One line of the trace list: the tenant, and `SUMMARY_COLUMNS` of `llm_obs_core.summary.columns`.

    The table there says of each field what it means and how it is folded from the spans; sums are over model calls with
    role leaf.
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


class SessionSummary(msgspec.Struct, frozen=True):
    """One session: the tenant, and `SESSION_COLUMNS` of `llm_obs_core.summary.columns`.

    A session is the traces of one tenant whose summary has its `session_id`.
    """

    tenant: str
    session_id: str
    start_ns: int
    end_ns: int
    trace_count: int
    span_count: int
    error_count: int
    call_count: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int | None
    unpriced_calls: int
    models: tuple[str, ...]
    users: tuple[str, ...]


class SessionPage(msgspec.Struct, frozen=True):
    """Sessions, the one that ended last first; `next` continues the list, None at its end."""

    sessions: tuple[SessionSummary, ...]
    next: SessionCursor | None
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
    columns: Columns
    content: tuple[ContentItem, ...]


class FoundSpan(msgspec.Struct, frozen=True):
    """A span of a list: its columns (`SPAN_COLUMNS`), and all of it where that was asked for.

    Attributes:
        tenant: Its tenant.
        columns: Every column by name.
        stored: The whole span; None when only columns were asked for.
    """

    tenant: str
    columns: Columns
    stored: StoredSpan | None = None


class SpanPage(msgspec.Struct, frozen=True):
    """Spans, newest first; `next` continues the list, None at its end."""

    spans: tuple[FoundSpan, ...]
    next: SpanCursor | None
    coverage: Coverage


class StoredAnnotation(msgspec.Struct, frozen=True):
    """What was last said about a trace or a span.

    Of one span (or trace) and key the greatest revision counts, of equal ones the later arrival. One whose value is
    null is taken back and not returned.

    Attributes:
        tenant: Its tenant.
        trace_id: 16 bytes.
        span_id: 8 bytes; None when it is about the whole trace.
        key: What is said, such as `score.helpfulness`.
        value: JSON text.
        revision: The sender's.
        received_ns: When it arrived, Unix nanoseconds.
    """

    tenant: str
    trace_id: bytes
    span_id: bytes | None
    key: str
    value: str
    revision: int
    received_ns: int


class Annotations(msgspec.Struct, frozen=True):
    """Annotations by trace id, those about the trace first, then by span id and key."""

    rows: tuple[StoredAnnotation, ...]
    coverage: Coverage


class StoredTrace(msgspec.Struct, frozen=True):
    """A whole trace, spans by start time, annotations as in `Annotations`."""

    summary: TraceSummary
    spans: tuple[StoredSpan, ...]
    coverage: Coverage
    annotations: tuple[StoredAnnotation, ...] = ()


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
    """Answers queries about what a store holds. Order of calls: `start`, any, `stop`; calls may overlap.

    A reader answers the questions of its `about` and evaluates the filters that it declares there; the planner of
    `llm_obs_query` calls nothing else. A filter is `checked` with `scope.content` before anything is read.
    """

    async def start(self) -> None:
        """Opens the store for reading; works beside another process that writes it."""

    def about(self) -> About:
        """What it answers, over which data, as it is now; called often, after `start`."""

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        """The traces that match, at most `first`, in the order of `Cursor`.

        Raises:
            LlmObsError: The filter is wrong or not permitted.
        """

    async def find_spans(
        self, scope: Scope, query: SpanQuery, *, first: int, after: SpanCursor | None = None, whole: bool = False
    ) -> SpanPage:
        """The spans that match, of all traces, at most `first`, in the order of `SpanCursor`.

        Args:
            scope: What may be seen.
            query: Which.
            first: At most so many.
            after: Where the list goes on.
            whole: Whether the spans themselves and their content are wanted beside the columns.

        Raises:
            LlmObsError: The filter is wrong or not permitted.
        """

    async def find_sessions(
        self, scope: Scope, query: SessionQuery, *, first: int, after: SessionCursor | None = None
    ) -> SessionPage:
        """The sessions that match, at most `first`, in the order of `SessionCursor`.

        Raises:
            LlmObsError: The filter is wrong or not permitted.
        """

    async def trace(self, scope: Scope, trace_id: bytes) -> StoredTrace | None:
        """One whole trace, of the first tenant of the scope that has it; None when there is none."""

    async def annotations(self, scope: Scope, trace_ids: Sequence[bytes]) -> Annotations:
        """What was said about these traces and their spans, also of those that are not stored."""

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
