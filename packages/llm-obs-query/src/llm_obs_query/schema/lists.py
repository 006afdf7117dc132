"""Lists over all traces: spans and sessions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import strawberry
from llm_obs_core import interfaces

from llm_obs_query.schema.common import Coverage, PageInfo
from llm_obs_query.schema.scalars import Int64
from llm_obs_query.schema.spans import Span, span_rows

__all__ = ["FoundSpan", "Session", "SessionConnection", "SpanConnection", "found_rows"]

Row = dict[str, Any]


def _trace_id(root: Row) -> strawberry.ID:
    return strawberry.ID(root["span"]["trace_id"].hex())


@strawberry.type
class FoundSpan:
    """Rows: `found_rows`."""

    tenant: str
    trace_id: strawberry.ID = strawberry.field(resolver=_trace_id, description="32 hexadecimal digits.")
    span: Span


@strawberry.type
class SpanConnection:
    """A page of spans."""

    nodes: list[FoundSpan]
    page_info: PageInfo
    coverage: Coverage


@strawberry.type(description="The traces of one tenant with one session id; sums are over their model calls.")
class Session:
    """Rows: `llm_obs_core.interfaces.SessionSummary`."""

    session_id: str
    tenant: str
    start_ns: Int64
    end_ns: Int64
    trace_count: int
    span_count: int
    error_count: int
    call_count: int
    input_tokens: Int64
    output_tokens: Int64
    cost_nano_usd: Int64 | None = strawberry.field(description="Null when no call was priced.")
    unpriced_calls: int
    models: list[str]
    users: list[str]


@strawberry.type
class SessionConnection:
    """A page of sessions."""

    nodes: list[Session]
    page_info: PageInfo
    coverage: Coverage


def found_rows(spans: Iterable[interfaces.FoundSpan]) -> list[FoundSpan]:
    """What `FoundSpan` reads its fields from."""
    rows = [
        {
            "tenant": found.tenant,
            "span": found.columns if found.stored is None else span_rows((found.stored,))[0],
        }
        for found in spans
    ]
    return cast(list[FoundSpan], rows)
