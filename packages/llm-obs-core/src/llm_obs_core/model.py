"""What llm-obs stores and passes on: positions, spans, log records, and the tables of columns.

The column tables are contracts: core_ext fills them, the stores keep them, the query API names them. Times are integer
nanoseconds since the Unix epoch, UTC. Money is integer nano-dollars (10⁻⁹ USD).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, NamedTuple

import msgspec

from llm_obs_core import semconv

__all__ = [
    "ANNOTATION_COLUMNS",
    "CALL_COLUMNS",
    "CONTENT_SLOTS",
    "CORRECTION_COLUMNS",
    "MEASURE_KEYS",
    "MEASURE_VALUES",
    "SPAN_COLUMNS",
    "Codec",
    "Column",
    "Covers",
    "Event",
    "Link",
    "LogRecord",
    "PayloadKind",
    "Position",
    "RecordKind",
    "Rejection",
    "Span",
    "SpanKind",
    "StatusCode",
    "Stream",
]


class Stream(StrEnum):
    """The two sequences of a log.

    ACCEPTED holds what was received, fsynced before the acknowledgement. DERIVED holds what is computed from it, each
    batch with the range of accepted records that it covers; sinks read this one.
    """

    ACCEPTED = "accepted"
    DERIVED = "derived"


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a record is in the log.

    Positions of one writer, partition and stream can be compared, and stored. Nothing else is known about them: they
    ascend, with gaps.

    Attributes:
        writer: The collector that wrote it.
        partition: The partition, from 0.
        sequence: Ascending within the stream.
        stream: Which of the log's two streams.
    """

    writer: str
    partition: int
    sequence: int
    stream: Stream = Stream.ACCEPTED

    def __str__(self) -> str:
        return f"{self.writer}/{self.partition}/{self.stream}/{self.sequence}"


class Covers(msgspec.Struct, frozen=True, gc=False):
    """A contiguous range of accepted records of one writer and partition.

    Attributes:
        first: The first record of the range.
        last: The last.
        after: The last record of the range before it, from where the range is read; None at the log's beginning.
    """

    first: Position
    last: Position
    after: Position | None = None


class RecordKind(IntEnum):
    """What a log record's payload is.

    Accepted: SPANS, LOGS, METRICS, ANNOTATION. Derived: MEASURES (one tenant's, packed columns), CALLS (slim columns of
    every model call), DECISION and KEPT (of the tail sampler), CORRECTION (changes to what was derived before), and
    COVERED, which ends the batch that is derived from one range: it holds the mask of duplicate spans.
    """

    SPANS = 1
    LOGS = 2
    METRICS = 3
    MEASURES = 4
    ANNOTATION = 6
    DECISION = 8
    COVERED = 10
    CALLS = 11
    KEPT = 12
    CORRECTION = 13


class PayloadKind(StrEnum):
    """What a sink can be given, each kind as parts of its own; CONTENTS come with the part of the spans they are of."""

    SPANS = "spans"
    CONTENTS = "contents"
    CALLS = "calls"
    MEASURES = "measures"
    LOGS = "logs"
    METRICS = "metrics"
    ANNOTATIONS = "annotations"
    CORRECTIONS = "corrections"


class Codec(IntEnum):
    """How a log record's payload is compressed. LZ4 is reserved."""

    NONE = 0
    LZ4 = 1
    ZSTD = 2


class SpanKind(IntEnum):
    """OTLP `Span.SpanKind`."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """OTLP `Status.StatusCode`."""

    UNSET = 0
    OK = 1
    ERROR = 2


AttributeValue = str | bool | int | float | bytes | list["AttributeValue"] | dict[str, "AttributeValue"] | None
"""An OTLP AnyValue; None is an AnyValue with no member set."""


class Event(msgspec.Struct, frozen=True):
    """A span event; `time_ns` is Unix nanoseconds."""

    name: str
    time_ns: int
    attributes: dict[str, AttributeValue]
    dropped_attributes_count: int = 0


class Link(msgspec.Struct, frozen=True):
    """A span link."""

    trace_id: bytes
    span_id: bytes
    trace_state: str
    attributes: dict[str, AttributeValue]
    dropped_attributes_count: int = 0
    flags: int = 0


class Span(msgspec.Struct, frozen=True):
    """One span read out of a batch, for plugins and tests; the hot path never makes one.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes.
        parent_span_id: 8 bytes, or None for a root.
        name: The span's name.
        kind: OTLP kind; values unknown to `SpanKind` are kept as they came.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds; may be before the start when the sender's clock was wrong.
        status_code: OTLP status code.
        status_message: Empty when none.
        attributes: Last value wins, one key once.
        events: In the order they came.
        links: In the order they came.
        resource: The resource's attributes.
        scope_name: The instrumentation scope.
        scope_version: Its version.
        scope_attributes: Its attributes.
        trace_state: W3C tracestate.
        flags: OTLP flags, all 32 bits as they came.
        dropped_attributes_count: What the sender and our own bounds dropped.
        dropped_events_count: What the sender dropped.
        dropped_links_count: What the sender dropped.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status_code: int
    status_message: str
    attributes: dict[str, AttributeValue]
    events: list[Event]
    links: list[Link]
    resource: dict[str, AttributeValue]
    scope_name: str
    scope_version: str
    scope_attributes: dict[str, AttributeValue]
    trace_state: str = ""
    flags: int = 0
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Items of one request that were dropped for one reason.

    Attributes:
        reason: A word that is a metric label. Of spans `trace_id_length`, `trace_id_zero`, `span_id_length`,
            `span_id_zero`, `parent_span_id_length`, `invalid_utf8`; of annotations `invalid_json`, `fields`,
            `trace_id`, `span_id`, `key`, `value`, `revision`.
        index: The first such item's place in the request, from 0.
        count: How many.
        message: What was expected of the first and what came, for the sender alone; empty where the reason says it.
    """

    reason: str
    index: int
    count: int
    message: str = ""


class LogRecord(msgspec.Struct, frozen=True):
    """One record of the log: one tenant's, scrubbed and canonical.

    An accepted request is one record or several, so that a trace stays in one partition.

    Attributes:
        kind: What the payload is.
        tenant: Stamped from the key, never from the request; empty in a COVERED record.
        received_ns: Unix nanoseconds of arrival.
        digest: BLAKE3-128 of the raw request, for the recognition of resends; zeros when it is not to be recognised.
        accepted: Items (spans, annotations, …) in the payload; rows of derived records.
        rejected: Items dropped from the request.
        payload: For spans a canonical ExportTraceServiceRequest; uncompressed here.
        index: Optional section that can be rebuilt from the payload.
        normalizer_version: Which normaliser wrote it.
        prices_version: Which price table priced it (days since 1970-01-01 of the table's date).
        scrub_version: Which scrub rules it went through.
        partition: Partition to write to.
        slice: Which part of its request it is, from 0. Requests are recognised by tenant, digest and slice.
        target: The one sink that it is for; empty when it is for all. Nothing is derived from a record with a target.
        origin: The Position that it had when it first was in the log, where that is its identity (with a target).
        covers: What a derived record was derived from.
    """

    kind: RecordKind
    tenant: str
    received_ns: int
    digest: bytes
    accepted: int
    rejected: int
    payload: bytes
    index: bytes = b""
    normalizer_version: int = 0
    prices_version: int = 0
    scrub_version: int = 0
    partition: int = 0
    slice: int = 0
    target: str = ""
    origin: Position | None = None
    covers: Covers | None = None


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: The column's name everywhere: lake, GraphQL (in camel case), exports.
        type: `string`, `int64`, `int32`, `int8`, `bool`, `float64`, `fixed16`, `fixed8`.
        nullable: Whether a row may lack it.
        source: The attribute it is read from (`resource:` before a resource attribute), or `span:` and a field.
        doc: Meaning and unit.
    """

    name: str
    type: str
    nullable: bool
    source: str
    doc: str


SPAN_COLUMNS: Final[tuple[Column, ...]] = (
    Column("trace_id", "fixed16", False, "span:trace_id", "The trace, 16 bytes."),
    Column("span_id", "fixed8", False, "span:span_id", "The span, 8 bytes."),
    Column("parent_span_id", "fixed8", True, "span:parent_span_id", "The parent, 8 bytes; null for a root."),
    Column("name", "string", False, "span:name", "The span's name."),
    Column("kind", "int8", False, "span:kind", "OTLP span kind."),
    Column("start_ns", "int64", False, "span:start_ns", "Start, Unix nanoseconds."),
    Column(
        "duration_ns", "int64", False, "span:duration_ns", "End minus start, nanoseconds; 0 when the end is earlier."
    ),
    Column("status_code", "int8", False, "span:status_code", "OTLP status: 0 unset, 1 ok, 2 error."),
    Column("status_message", "string", True, "span:status_message", "OTLP status message."),
    Column("service", "string", True, "resource:" + semconv.SERVICE_NAME, "The service that sent it."),
    Column("environment", "string", True, "resource:" + semconv.DEPLOYMENT_ENVIRONMENT_NAME, "Deployment environment."),
    Column("scope_name", "string", True, "span:scope_name", "Instrumentation scope."),
    Column("operation", "string", True, semconv.OPERATION_NAME, "GenAI operation: chat, embeddings, execute_tool …"),
    Column("provider", "string", True, semconv.PROVIDER_NAME, "Provider: openai, anthropic …"),
    Column("request_model", "string", True, semconv.REQUEST_MODEL, "The model asked for."),
    Column("response_model", "string", True, semconv.RESPONSE_MODEL, "The model that answered."),
    Column("stream", "bool", True, semconv.REQUEST_STREAM, "Whether the answer was streamed."),
    Column("user_id", "string", True, semconv.USER_ID, "The application's user."),
    Column("session_id", "string", True, semconv.CONVERSATION_ID, "The conversation."),
    Column("application", "string", True, semconv.APPLICATION, "The application, where one service serves several."),
    Column("prompt_name", "string", True, semconv.PROMPT_NAME, "The prompt template's name."),
    Column("prompt_version", "string", True, semconv.PROMPT_VERSION, "The prompt template's version."),
    Column("agent", "string", True, semconv.AGENT_NAME, "The agent."),
    Column("tool", "string", True, semconv.TOOL_NAME, "The tool."),
    Column("input_tokens", "int64", True, semconv.USAGE_INPUT_TOKENS, "All input tokens, cached ones included."),
    Column("output_tokens", "int64", True, semconv.USAGE_OUTPUT_TOKENS, "All output tokens, reasoning included."),
    Column("input_uncached", "int64", True, "usage:input_uncached", "Input tokens in no other input bucket."),
    Column("cache_read", "int64", True, semconv.USAGE_CACHE_READ_INPUT_TOKENS, "Input tokens read from a cache."),
    Column("cache_write_5m", "int64", True, "usage:cache_write_5m", "Input tokens written to a cache for 5 minutes."),
    Column("cache_write_1h", "int64", True, semconv.USAGE_CACHE_WRITE_1H_INPUT_TOKENS, "… for an hour."),
    Column("audio_in", "int64", True, semconv.USAGE_AUDIO_INPUT_TOKENS, "Audio input tokens."),
    Column("image_in", "int64", True, semconv.USAGE_IMAGE_INPUT_TOKENS, "Image input tokens."),
    Column("output_text", "int64", True, "usage:output_text", "Output tokens in no other output bucket."),
    Column("output_reasoning", "int64", True, semconv.USAGE_REASONING_OUTPUT_TOKENS, "Reasoning tokens."),
    Column("audio_out", "int64", True, semconv.USAGE_AUDIO_OUTPUT_TOKENS, "Audio output tokens."),
    Column(
        "usage_role", "string", True, semconv.USAGE_ROLE, "leaf, rollup, duplicate, unknown: only leaves are added up."
    ),
    Column("usage_basis", "string", True, semconv.USAGE_BASIS, "reported, estimated, partial."),
    Column("cost_nano_usd", "int64", True, semconv.COST_TOTAL_NANO_USD, "Cost, nano-dollars; null when unpriced."),
    Column("price_id", "string", True, semconv.PRICE_ID, "The price rule behind the cost."),
    Column("ttft_ns", "int64", True, semconv.RESPONSE_TIME_TO_FIRST_CHUNK, "Time to first token, nanoseconds."),
    Column("finish_reason", "string", True, semconv.RESPONSE_FINISH_REASONS, "The first choice's finish reason."),
    Column("completeness", "string", True, semconv.COMPLETENESS, "complete, truncated, filtered, aborted."),
    Column("error_type", "string", True, semconv.ERROR_TYPE, "Error class; null when it went well."),
    Column("http_status", "int32", True, semconv.HTTP_RESPONSE_STATUS_CODE, "The provider's HTTP status."),
    Column("response_id", "string", True, semconv.RESPONSE_ID, "The provider's id of the answer."),
    Column("head_threshold", "int64", True, semconv.SAMPLING_HEAD_THRESHOLD, "56-bit rejection threshold at the head."),
    Column("tail_threshold", "int64", True, semconv.SAMPLING_TAIL_THRESHOLD, "56-bit rejection threshold at the tail."),
    Column("kept_by", "string", True, semconv.SAMPLING_KEPT_BY, "The policy that kept the trace."),
)
"""The columns of a span, in the order of every store. `ttft_ns` is read from seconds, rounded."""

CONTENT_SLOTS: Final[tuple[tuple[str, str], ...]] = (
    ("input", semconv.INPUT_MESSAGES),
    ("output", semconv.OUTPUT_MESSAGES),
    ("system", semconv.SYSTEM_INSTRUCTIONS),
    ("tools", semconv.TOOL_DEFINITIONS),
    ("tool_arguments", semconv.TOOL_CALL_ARGUMENTS),
    ("tool_result", semconv.TOOL_CALL_RESULT),
    ("documents", semconv.RETRIEVAL_DOCUMENTS),
    ("query", semconv.RETRIEVAL_QUERY_TEXT),
)
"""The places of content on a span (slot name, attribute), numbered by their place here: stored apart from the span."""

MEASURE_KEYS: Final[tuple[Column, ...]] = (
    Column("minute_ns", "int64", False, "span:start_ns", "Start of the minute of the call, Unix nanoseconds."),
    *(
        column
        for column in SPAN_COLUMNS
        if column.name
        in {
            "service",
            "environment",
            "application",
            "operation",
            "provider",
            "request_model",
            "response_model",
            "user_id",
            "stream",
            "finish_reason",
            "error_type",
            "http_status",
        }
    ),
)
"""What a measures row is keyed by, next to tenant and the range of Positions it was computed from."""

MEASURE_VALUES: Final[tuple[Column, ...]] = (
    Column("requests", "int64", False, "count", "Model calls."),
    Column("errors", "int64", False, "count", "Model calls with OTLP status error or an error type."),
    Column("input_tokens", "int64", False, "sum", "Input tokens."),
    Column("output_tokens", "int64", False, "sum", "Output tokens."),
    Column("input_uncached", "int64", False, "sum", "Input tokens in no other input bucket."),
    Column("cache_read", "int64", False, "sum", "Input tokens read from a cache."),
    Column("cache_write_5m", "int64", False, "sum", "Input tokens written to a cache for 5 minutes."),
    Column("cache_write_1h", "int64", False, "sum", "Input tokens written to a cache for an hour."),
    Column("audio_in", "int64", False, "sum", "Audio input tokens."),
    Column("image_in", "int64", False, "sum", "Image input tokens."),
    Column("output_text", "int64", False, "sum", "Output tokens in no other output bucket."),
    Column("output_reasoning", "int64", False, "sum", "Reasoning tokens."),
    Column("audio_out", "int64", False, "sum", "Audio output tokens."),
    Column("cost_nano_usd", "int64", False, "sum", "Cost of the priced calls, nano-dollars."),
    Column("unpriced", "int64", False, "count", "Calls with usage that no price was known for."),
    Column("duration_sum_ns", "int64", False, "sum", "Sum of durations, nanoseconds."),
    Column("ttft_count", "int64", False, "count", "Calls with a time to first token."),
    Column("ttft_sum_ns", "int64", False, "sum", "Sum of times to first token, nanoseconds."),
    Column("generation_tokens", "int64", False, "sum", "Output tokens of the calls that generation_ns adds up."),
    Column("generation_ns", "int64", False, "sum", "Duration minus time to first token (0 when not streamed)."),
    Column("duration_hist", "histogram", False, "histogram", "Durations in nanoseconds, llm_obs.hist.v1."),
    Column("ttft_hist", "histogram", False, "histogram", "Times to first token in nanoseconds, llm_obs.hist.v1."),
)
"""What a measures row adds up. A histogram is two list columns, `<name>_index` (u16) and `<name>_count` (u32)."""

ANNOTATION_COLUMNS: Final[tuple[Column, ...]] = (
    Column("trace_id", "fixed16", False, "target.trace_id", "The trace that it is about, 16 bytes."),
    Column(
        "span_id", "fixed8", True, "target.span_id", "The span that it is about, 8 bytes; null for the whole trace."
    ),
    Column("key", "string", False, "key", "What is said, such as `score.helpfulness`."),
    Column(
        "value", "string", False, "value", "JSON text: a string, a number, a boolean or null (which takes it back)."
    ),
    Column("revision", "int64", False, "revision", "Of two with one target and key the greater one counts."),
    Column("received_ns", "int64", False, "received", "When it arrived, Unix nanoseconds."),
)
"""The columns of an annotation. Identity is tenant, trace_id, span_id and key; equal revisions: the later Position."""

CALL_COLUMNS: Final[tuple[Column, ...]] = tuple(
    column
    for column in SPAN_COLUMNS
    if column.name
    not in {
        "parent_span_id",
        "name",
        "kind",
        "status_message",
        "scope_name",
        "tool",
        "head_threshold",
        "tail_threshold",
        "kept_by",
    }
)
"""The columns of a model call, also of one whose trace is not kept. Identity is tenant, trace_id and span_id."""

CORRECTION_COLUMNS: Final[tuple[Column, ...]] = (
    Column("trace_id", "fixed16", False, "target.trace_id", "The trace of the span that is corrected, 16 bytes."),
    Column("span_id", "fixed8", False, "target.span_id", "The span, 8 bytes."),
    Column("field", "string", False, "field", "The column of the span that was wrong, such as `usage_role`."),
    Column("old", "string", True, "old", "What was stored, as JSON text; null where the column was null."),
    Column("new", "string", True, "new", "What is right, as JSON text; null where it is not known."),
    Column("reason", "string", False, "reason", "A word: `duplicate`, `retracted`, `repriced`, `role`, `attribution`."),
    Column("id", "fixed16", False, "id", "By which the correction is known again, 16 bytes."),
)
"""The columns of a correction. Of two of one span and field the later Position counts."""
