"""Traces: the list and one whole."""

from __future__ import annotations

import strawberry
from llm_obs_core import interfaces

from llm_obs_query.schema.common import Coverage, PageInfo
from llm_obs_query.schema.scalars import Int64
from llm_obs_query.schema.spans import Span, span_rows

__all__ = ["Trace", "TraceConnection", "TraceSummary"]


def _id(root: interfaces.TraceSummary) -> strawberry.ID:
    return strawberry.ID(root.trace_id.hex())


@strawberry.type(description="One line of the trace list; sums are over model calls.")
class TraceSummary:
    """Rows: `llm_obs_core.interfaces.TraceSummary`."""

    id: strawberry.ID = strawberry.field(resolver=_id, description="32 hexadecimal digits.")
    tenant: str
    name: str
    service: str | None
    start_ns: Int64
    duration_ns: Int64
    has_root: bool
    span_count: int
    error_count: int
    call_count: int
    input_tokens: Int64
    output_tokens: Int64
    cost_nano_usd: Int64 | None = strawberry.field(description="Null when no call was priced.")
    unpriced_calls: int
    ttft_ns: Int64 | None = strawberry.field(description="The first call's time to first token.")
    models: list[str]
    providers: list[str]
    user_id: str | None
    session_id: str | None
    application: str | None


@strawberry.type
class TraceConnection:
    """A page of traces."""

    nodes: list[TraceSummary]
    page_info: PageInfo
    coverage: Coverage


def _spans(root: interfaces.StoredTrace, ids: list[strawberry.ID] | None = strawberry.UNSET) -> list[Span]:
    if not isinstance(ids, list):
        return span_rows(root.spans)
    wanted = {id.lower() for id in ids}
    return span_rows(stored for stored in root.spans if stored.span.span_id.hex() in wanted)


@strawberry.type
class Trace:
    """Rows: `llm_obs_core.interfaces.StoredTrace`."""

    summary: TraceSummary
    spans: list[Span] = strawberry.field(
        resolver=_spans,
        description="By start time; of `ids` only those, so that a page can ask for the details of what it shows.",
    )
    coverage: Coverage
