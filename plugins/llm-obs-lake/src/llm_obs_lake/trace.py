"""One trace: whole, its columns, or some of its spans, out of the files that may hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import pyarrow as pa
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Scope, StoredSpan, StoredSpans, StoredTrace, TraceOutline, TraceSummary
from llm_obs_core.model import SPAN_COLUMNS
from llm_obs_core.summary.columns import SUMMED_COLUMNS

from llm_obs_lake.catalog import Segment
from llm_obs_lake.content import read_content
from llm_obs_lake.engine import Engine
from llm_obs_lake.fold import fold_spans
from llm_obs_lake.live import LiveSpans, files_of, live_spans, spans_of
from llm_obs_lake.said import said_of
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.summary import summaries_of
from llm_obs_lake.view import View

__all__ = ["COLUMNS", "read_outline", "read_spans", "read_trace", "stored_spans"]

_SCHEMA: Final = SCHEMAS["spans"]
COLUMNS: Final = [column.name for column in SPAN_COLUMNS]
"""The columns that a span is returned with."""
T = TypeVar("T")
Read = Callable[[str, list[Segment]], T | None]


def read_trace(engine: Engine, view: View, scope: Scope, trace_id: bytes) -> StoredTrace | None:
    """The trace of the first tenant of the scope that has it."""

    def read(tenant: str, files: list[Segment]) -> StoredTrace | None:
        found = live_spans(engine, view, files, _SCHEMA.names, [trace_id])
        if found is None:
            return None
        stored = stored_spans(engine, view, scope, tenant, found, [trace_id])
        said = said_of(engine, view, tenant, [trace_id])
        return StoredTrace(_summary(tenant, found.table), stored, view.coverage(), tuple(said))

    return _first(view, scope, trace_id, read)


def read_outline(
    engine: Engine, view: View, scope: Scope, trace_id: bytes, columns: Sequence[str]
) -> TraceOutline | None:
    """Columns of the trace of the first tenant of the scope that has it.

    Raises:
        LlmObsError: A name that is no column.
    """
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise LlmObsError(f"columns out of: {', '.join(COLUMNS)}", got=repr(unknown[0]), fix="correct the name")
    names = list(dict.fromkeys([*SUMMED_COLUMNS, "span_id", *columns]))

    def read(tenant: str, files: list[Segment]) -> TraceOutline | None:
        found = live_spans(engine, view, files, names, [trace_id])
        if found is None:
            return None
        taken = {name: found.table[name].to_pylist() for name in columns}
        return TraceOutline(_summary(tenant, found.table), taken, view.coverage())

    return _first(view, scope, trace_id, read)


def read_spans(engine: Engine, view: View, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
    """Some spans of the trace of the first tenant of the scope that has it."""

    def read(tenant: str, files: list[Segment]) -> StoredSpans | None:
        found = live_spans(engine, view, files, _SCHEMA.names, [trace_id], ids) if ids else None
        if found is None:
            known = live_spans(engine, view, files, ["span_id"], [trace_id], limit="LIMIT 1")
            return None if known is None else StoredSpans(tenant, (), view.coverage())
        stored = stored_spans(engine, view, scope, tenant, found, [trace_id], ids)
        return StoredSpans(tenant, stored, view.coverage())

    return _first(view, scope, trace_id, read)


def _first(view: View, scope: Scope, trace_id: bytes, read: Read[T]) -> T | None:
    """What the first tenant that has the trace gives."""
    for tenant in dict.fromkeys(scope.tenants):
        found = read(tenant, files_of(view, tenant, [trace_id]))
        if found is not None:
            return found
    return None


def _summary(tenant: str, table: pa.Table) -> TraceSummary:
    (summary,) = summaries_of(tenant, fold_spans(table))
    return summary


def stored_spans(
    engine: Engine,
    view: View,
    scope: Scope,
    tenant: str,
    found: LiveSpans,
    trace_ids: Sequence[bytes],
    ids: Sequence[bytes] | None = None,
) -> tuple[StoredSpan, ...]:
    """Spans rebuilt from their stored bytes, with their columns and content.

    Args:
        engine: Reads the files.
        view: The live files.
        scope: Whether bodies may be read.
        tenant: Whose.
        found: The spans, with all columns of their files.
        trace_ids: Of which traces they are.
        ids: Their ids, when they are not all of the traces.
    """
    units = {segment.unit for segment in found.segments}
    content = read_content(engine, view, scope, tenant, units, trace_ids, ids)
    rows = zip(spans_of(found.table), found.table.select(COLUMNS).to_pylist(), found.segments, strict=True)
    return tuple(
        StoredSpan(span, row, tuple(content.get((segment.unit, span.trace_id, span.span_id), ())))
        for span, row, segment in rows
    )
