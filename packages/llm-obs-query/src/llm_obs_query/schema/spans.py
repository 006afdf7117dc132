"""One span with its events, links, usage and content."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import strawberry
from llm_obs_core import interfaces, model

from llm_obs_query.schema.annotations import Annotation
from llm_obs_query.schema.scalars import JSON, Int64

__all__ = ["Span", "outline_rows", "row_id", "span_rows"]

Row = dict[str, Any]


@strawberry.enum
class SpanKind(enum.Enum):
    """OTLP `Span.SpanKind`."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


@strawberry.enum
class SpanStatus(enum.Enum):
    """OTLP `Status.StatusCode`."""

    UNSET = 0
    OK = 1
    ERROR = 2


KINDS = {kind.value: kind for kind in SpanKind}
STATUSES = {status.value: status for status in SpanStatus}


@strawberry.type(
    description=(
        "Tokens in disjoint buckets: the input buckets add up to inputTokens, the output buckets to outputTokens."
    )
)
class Usage:
    """Rows: the columns of a span."""

    input_tokens: Int64 | None
    output_tokens: Int64 | None
    input_uncached: Int64 | None
    cache_read: Int64 | None
    cache_write_5m: Int64 | None = strawberry.field(name="cacheWrite5m")
    cache_write_1h: Int64 | None = strawberry.field(name="cacheWrite1h")
    audio_in: Int64 | None
    image_in: Int64 | None
    output_text: Int64 | None
    output_reasoning: Int64 | None
    audio_out: Int64 | None
    usage_role: str | None = strawberry.field(
        name="role", description="leaf, rollup, duplicate, unknown: only leaves are added up."
    )
    usage_basis: str | None = strawberry.field(name="basis", description="reported, estimated, partial.")


@strawberry.type
class SpanEvent:
    """Rows: `llm_obs_core.model.Event`."""

    name: str
    time_ns: Int64
    attributes: JSON


def _link_trace(root: model.Link) -> strawberry.ID:
    return strawberry.ID(root.trace_id.hex())


def _link_span(root: model.Link) -> strawberry.ID:
    return strawberry.ID(root.span_id.hex())


@strawberry.type
class SpanLink:
    """Rows: `llm_obs_core.model.Link`."""

    trace_id: strawberry.ID = strawberry.field(resolver=_link_trace)
    span_id: strawberry.ID = strawberry.field(resolver=_link_span)
    attributes: JSON


def _digest(root: interfaces.ContentItem) -> str:
    return root.digest.hex()


@strawberry.type
class ContentItem:
    """Rows: `llm_obs_core.interfaces.ContentItem`."""

    slot: str = strawberry.field(
        description="input, output, system, tools, tool_arguments, tool_result, documents, query."
    )
    index: int
    digest: str = strawberry.field(resolver=_digest, description="32 hexadecimal digits.")
    body: str | None
    body_bytes: int


def _id(root: Row) -> strawberry.ID:
    return strawberry.ID(root["span_id"].hex())


def _parent(root: Row) -> strawberry.ID | None:
    parent = root.get("parent_span_id")
    return strawberry.ID(parent.hex()) if parent else None


def _kind(root: Row) -> SpanKind:
    return KINDS.get(root["kind"], SpanKind.UNSPECIFIED)


def _status(root: Row) -> SpanStatus:
    return STATUSES.get(root["status_code"], SpanStatus.UNSET)


def _http_status(root: Row) -> int | None:
    status = root.get("http_status")
    return status if isinstance(status, int) and 0 <= status < 1000 else None


def _usage(root: Row) -> Usage | None:
    given = root.get("input_tokens") is not None or root.get("output_tokens") is not None
    return cast(Usage, root) if given else None


def _annotations(root: Row) -> list[Annotation]:
    return cast(list[Annotation], root.get("annotations", ()))


@strawberry.type
class Span:
    """Rows: the columns of `llm_obs_core.model.SPAN_COLUMNS` and the span's own parts, as `span_rows` joins them."""

    id: strawberry.ID = strawberry.field(resolver=_id, description="16 hexadecimal digits.")
    parent_id: strawberry.ID | None = strawberry.field(resolver=_parent)
    name: str
    kind: SpanKind = strawberry.field(resolver=_kind)
    start_ns: Int64
    duration_ns: Int64
    status: SpanStatus = strawberry.field(resolver=_status)
    status_message: str | None
    service: str | None
    environment: str | None
    scope_name: str | None
    operation: str | None
    provider: str | None
    request_model: str | None
    response_model: str | None
    stream: bool | None
    user_id: str | None
    session_id: str | None
    application: str | None
    prompt_name: str | None
    prompt_version: str | None
    agent: str | None
    tool: str | None
    usage: Usage | None = strawberry.field(resolver=_usage, description="Null when the span carries no usage.")
    cost_nano_usd: Int64 | None
    price_id: str | None
    ttft_ns: Int64 | None
    finish_reason: str | None
    completeness: str | None
    error_type: str | None
    http_status: int | None = strawberry.field(resolver=_http_status)
    response_id: str | None
    attributes: JSON = strawberry.field(description="Every attribute as it is stored, but for content.")
    resource: JSON
    events: list[SpanEvent]
    links: list[SpanLink]
    annotations: list[Annotation] = strawberry.field(
        resolver=_annotations, description="What was said about this span; what is about its trace is with the trace."
    )
    content: list[ContentItem] = strawberry.field(
        description=("Messages, tool arguments, documents; bodies are null when this key may not see content.")
    )


def row_id(row: Span) -> str:
    """The id of a row that `Span` reads its fields from."""
    return _id(cast(Row, row))


def outline_rows(columns: Mapping[str, Sequence[Any]]) -> list[Span]:
    """What `Span` reads those of its fields from that are made of these columns."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return cast(list[Span], rows)


def span_rows(
    spans: Iterable[interfaces.StoredSpan], annotations: Iterable[interfaces.StoredAnnotation] = ()
) -> list[Span]:
    """What `Span` reads its fields from."""
    said: dict[bytes | None, list[interfaces.StoredAnnotation]] = {}
    for one in annotations:
        said.setdefault(one.span_id, []).append(one)
    rows = [
        {
            **stored.columns,
            "attributes": stored.span.attributes,
            "resource": stored.span.resource,
            "events": stored.span.events,
            "links": stored.span.links,
            "content": stored.content,
            "annotations": said.get(stored.span.span_id, ()),
        }
        for stored in spans
    ]
    return cast(list[Span], rows)
