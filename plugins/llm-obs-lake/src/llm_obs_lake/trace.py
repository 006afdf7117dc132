"""One trace: whole, its columns, or some of its spans, out of the files that may hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Scope, StoredSpan, StoredSpans, StoredTrace, TraceOutline, TraceSummary
from llm_obs_core.model import SPAN_COLUMNS
from llm_obs_core_ext.assemble import assemble
from llm_obs_core_ext.scan import scan

from llm_obs_lake.catalog import Segment
from llm_obs_lake.content import read_content
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.filter import may_hold, trace_hash
from llm_obs_lake.fold import FOLDED_COLUMNS, fold_spans
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.summary import summaries_of
from llm_obs_lake.view import View, relation

__all__ = ["read_outline", "read_spans", "read_trace"]

_SCHEMA: Final = SCHEMAS["spans"]
_COLUMNS: Final = [column.name for column in SPAN_COLUMNS]
T = TypeVar("T")


class _Files(NamedTuple):
    """The files of one tenant that may hold the trace."""

    view: View
    tenant: str
    by_path: dict[str, Segment]


class _Found(NamedTuple):
    """Spans of a trace, and the file that each is from."""

    table: pa.Table
    segments: list[Segment]


def read_trace(engine: Engine, view: View, scope: Scope, trace_id: bytes) -> StoredTrace | None:
    """The trace of the first tenant of the scope that has it."""

    def read(files: _Files) -> StoredTrace | None:
        found = _rows(engine, files, trace_id, _SCHEMA.names)
        if found is None:
            return None
        stored = _stored(engine, view, scope, files, found)
        return StoredTrace(_summary(files, found.table), stored, view.coverage())

    return _first(view, scope, trace_id, read)


def read_outline(
    engine: Engine, view: View, scope: Scope, trace_id: bytes, columns: Sequence[str]
) -> TraceOutline | None:
    """Columns of the trace of the first tenant of the scope that has it.

    Raises:
        LlmObsError: A name that is no column.
    """
    if unknown := [name for name in columns if name not in _COLUMNS]:
        raise LlmObsError(f"columns out of: {', '.join(_COLUMNS)}", got=repr(unknown[0]), fix="correct the name")

    def read(files: _Files) -> TraceOutline | None:
        found = _rows(engine, files, trace_id, list(dict.fromkeys([*FOLDED_COLUMNS, "span_id", *columns])))
        if found is None:
            return None
        taken = {name: found.table[name].to_pylist() for name in columns}
        return TraceOutline(_summary(files, found.table), taken, view.coverage())

    return _first(view, scope, trace_id, read)


def read_spans(engine: Engine, view: View, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> StoredSpans | None:
    """Some spans of the trace of the first tenant of the scope that has it."""

    def read(files: _Files) -> StoredSpans | None:
        found = _rows(engine, files, trace_id, _SCHEMA.names, ids) if ids else None
        if found is None:
            known = _rows(engine, files, trace_id, ["span_id", "start_ns"], limit="LIMIT 1")
            return None if known is None else StoredSpans(files.tenant, (), view.coverage())
        return StoredSpans(files.tenant, _stored(engine, view, scope, files, found, ids), view.coverage())

    return _first(view, scope, trace_id, read)


def _first(view: View, scope: Scope, trace_id: bytes, read: Callable[[_Files], T | None]) -> T | None:
    """What the first tenant that has the trace gives."""
    hash = trace_hash(trace_id)
    for tenant in dict.fromkeys(scope.tenants):
        blocks = view.filter_blocks(tenant, hash)  # without those of segments that were merged since
        segments = [
            segment
            for segment in view.of(tenant, "spans")
            if segment.id not in blocks or may_hold(blocks[segment.id], hash)
        ]
        files = _Files(view, tenant, dict(zip(view.paths(segments), segments, strict=True)))
        if segments and (found := read(files)) is not None:
            return found
    return None


def _rows(
    engine: Engine,
    files: _Files,
    trace_id: bytes,
    columns: Sequence[str],
    ids: Sequence[bytes] | None = None,
    limit: str = "",
) -> _Found | None:
    """Columns of the trace's spans, or of some, by start; of spans with the same ids the one that came last."""
    bound = Parameters()
    needed = list(dict.fromkeys(["trace_id", "span_id", "start_ns", *columns]))
    source = relation(files.view, files.by_path.values(), needed, bound, filename=True)
    where = f"trace_id = {bound.bind(trace_id)}"
    if ids is not None:
        where += f" AND span_id IN (SELECT unnest({bound.bind(list(ids))}))"
    names = ", ".join(f'"{name}"' for name in columns)
    table = engine.table(
        f"SELECT {names}, filename FROM {source} WHERE {where} ORDER BY start_ns, span_id {limit}", bound.values
    )
    if not len(table):
        return None
    of_row = [files.by_path[path] for path in table["filename"].to_pylist()]
    table = table.select(columns).cast(pa.schema([_SCHEMA.field(name) for name in columns]))
    if pc.count_distinct(table["span_id"]).as_py() < len(table):
        newest: dict[bytes, int] = {}
        for row, (span_id, segment) in enumerate(zip(table["span_id"].to_pylist(), of_row, strict=True)):
            kept = newest.setdefault(span_id, row)
            if segment.unit > of_row[kept].unit:
                newest[span_id] = row
        rows = sorted(newest.values())
        table, of_row = table.take(rows), [of_row[row] for row in rows]
    return _Found(table.combine_chunks(), of_row)


def _summary(files: _Files, table: pa.Table) -> TraceSummary:
    (summary,) = summaries_of(files.tenant, fold_spans(table))
    return summary


def _stored(
    engine: Engine, view: View, scope: Scope, files: _Files, found: _Found, ids: Sequence[bytes] | None = None
) -> tuple[StoredSpan, ...]:
    """The spans rebuilt from their stored bytes, with their columns and content."""
    table = found.table
    request = assemble(*(table[name].to_pylist() for name in ("otlp_span", "otlp_scope", "otlp_resource")))
    spans = scan(request, max_spans=len(table), max_attributes=2**31 - 1).spans()
    units = {segment.unit for segment in found.segments}
    content = read_content(engine, view, scope, files.tenant, units, table["trace_id"][0].as_py(), ids)
    rows = zip(spans, table.select(_COLUMNS).to_pylist(), found.segments, strict=True)
    return tuple(
        StoredSpan(span, row, tuple(content.get((segment.unit, span.span_id), ()))) for span, row, segment in rows
    )
