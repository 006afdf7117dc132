"""Traces: the list and one whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import strawberry
from llm_obs_core import interfaces

from llm_obs_query.schema.annotations import Annotation
from llm_obs_query.schema.columns import SpanColumns
from llm_obs_query.schema.common import Coverage, PageInfo
from llm_obs_query.schema.scalars import Int64
from llm_obs_query.schema.spans import Span, outline_rows, row_id

__all__ = ["Trace", "TraceConnection", "TraceRows", "TraceSummary"]


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


class TraceRows:
    """What `Trace` reads its fields from.

    Args:
        summary: None when no question is about the whole trace.
        columns: Of all spans, as far as they are asked about.
        coverage: What all of it rests on.
        rows: All spans with everything; made from the columns when not given.
        annotations: What was said about the trace and its spans.

    Attributes:
        whole: Spans by id, with everything, by start time.
    """

    def __init__(
        self,
        summary: interfaces.TraceSummary | None,
        columns: dict[str, list[Any]],
        coverage: interfaces.Coverage,
        rows: list[Span] | None = None,
        annotations: Sequence[interfaces.StoredAnnotation] = (),
    ) -> None:
        self.summary = summary
        self.columns = columns
        self.coverage = coverage
        self.annotations = annotations
        self.whole: dict[str, Span] = {}
        self._rows = rows

    @property
    def size(self) -> int:
        """How many spans the answer may hold."""
        return max(len(next(iter(self.columns.values()), ())), len(self.whole))

    @property
    def rows(self) -> list[Span]:
        """All spans, by start time."""
        if self._rows is None:
            self._rows = outline_rows(self.columns)
        return self._rows

    def of(self, ids: Iterable[str]) -> list[Span]:
        """Spans of these ids, by start time."""
        wanted = {id.lower() for id in ids}
        if wanted <= self.whole.keys() or not self.rows:
            return [row for id, row in self.whole.items() if id in wanted]
        found = ((row_id(row), row) for row in self.rows)
        return [self.whole.get(id, row) for id, row in found if id in wanted]


def _spans(root: TraceRows, ids: list[strawberry.ID] | None = strawberry.UNSET) -> list[Span]:
    return root.of(ids) if isinstance(ids, list) else root.rows


@strawberry.type
class Trace:
    """Rows: `TraceRows`."""

    summary: TraceSummary
    spans: list[Span] = strawberry.field(
        resolver=_spans,
        description="By start time; of `ids` only those, so that a page can ask for the details of what it shows.",
    )
    columns: SpanColumns
    annotations: list[Annotation] = strawberry.field(description="What was said about the trace and its spans.")
    coverage: Coverage
