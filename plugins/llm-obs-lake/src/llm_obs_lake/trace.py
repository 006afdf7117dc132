"""One whole trace: its spans out of the files that may hold it, rebuilt from their stored bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
from llm_obs_core.interfaces import ContentItem, Scope, StoredSpan, StoredTrace
from llm_obs_core.model import CONTENT_SLOTS, SPAN_COLUMNS
from llm_obs_core_ext.assemble import assemble
from llm_obs_core_ext.scan import scan

from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.filter import may_hold, trace_hash
from llm_obs_lake.fold import fold_spans
from llm_obs_lake.gather import rows_at
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.summary import summaries_of
from llm_obs_lake.view import View

__all__ = ["read_trace"]

_COLUMNS = [column.name for column in SPAN_COLUMNS]


class _Found(NamedTuple):
    """The spans of a trace, and the file that each is from."""

    table: pa.Table
    segments: list[Segment]


def read_trace(engine: Engine, view: View, scope: Scope, trace_id: bytes) -> StoredTrace | None:
    """The trace of the first tenant of the scope that has it."""
    hash = trace_hash(trace_id)
    for tenant in dict.fromkeys(scope.tenants):
        blocks = view.filter_blocks(tenant, hash)  # without those of segments that were merged since
        segments = [
            segment
            for segment in view.of(tenant, "spans")
            if segment.id not in blocks or may_hold(blocks[segment.id], hash)
        ]
        found = _spans(engine, view, segments, trace_id) if segments else None
        if found is not None:
            return _trace(engine, view, scope, tenant, found)
    return None


def _spans(engine: Engine, view: View, segments: Sequence[Segment], trace_id: bytes) -> _Found | None:
    bound = Parameters()
    paths = dict(zip(view.paths(segments), segments, strict=True))
    table = engine.table(
        f"SELECT * FROM read_parquet({bound.bind(list(paths))}, filename = true) "
        f"WHERE trace_id = {bound.bind(trace_id)} ORDER BY start_ns, span_id",
        bound.values,
    )
    if not len(table):
        return None
    of_row = [paths[path] for path in table["filename"].to_pylist()]
    newest: dict[bytes, int] = {}
    for row, (span_id, segment) in enumerate(zip(table["span_id"].to_pylist(), of_row, strict=True)):
        kept = newest.setdefault(span_id, row)
        if segment.last_sequence > of_row[kept].last_sequence:
            newest[span_id] = row
    rows = sorted(newest.values())
    schema = SCHEMAS["spans"]
    return _Found(table.take(rows).select(schema.names).cast(schema).combine_chunks(), [of_row[row] for row in rows])


def _trace(engine: Engine, view: View, scope: Scope, tenant: str, found: _Found) -> StoredTrace:
    table = found.table
    (summary,) = summaries_of(tenant, fold_spans(table))
    request = assemble(*(table[name].to_pylist() for name in ("otlp_span", "otlp_scope", "otlp_resource")))
    spans = scan(request, max_spans=len(table), max_attributes=2**31 - 1).spans()
    content = _content(engine, view, scope, tenant, found)
    rows = zip(spans, table.select(_COLUMNS).to_pylist(), found.segments, strict=True)
    stored = [
        StoredSpan(span, row, tuple(content.get((segment.unit, span.span_id), ()))) for span, row, segment in rows
    ]
    return StoredTrace(summary, tuple(stored), view.coverage())


def _content(engine: Engine, view: View, scope: Scope, tenant: str, found: _Found) -> dict[Any, list[ContentItem]]:
    """The messages of each span, by the file's unit and the span's id."""
    units = {segment.unit for segment in found.segments}
    segments = [segment for segment in view.of(tenant, "content") if segment.unit in units]
    if not segments:
        return {}
    paths = dict(zip(view.paths(segments), segments, strict=True))
    bound = Parameters()
    columns = "filename, span_id, slot, index, digest, body_bytes, body_row" + (", body" if scope.content else "")
    rows = engine.rows(
        f"SELECT {columns} FROM read_parquet({bound.bind(list(paths))}, filename = true) "
        f"WHERE trace_id = {bound.bind(found.table['trace_id'][0].as_py())} ORDER BY span_id, slot, index",
        bound.values,
    )
    bodies: dict[tuple[str, int], str] = {}
    if scope.content:
        for path in paths:
            wanted = sorted({row[6] for row in rows if row[0] == path and row[7] is None})
            bodies |= {(path, row): body for row, body in rows_at(path, wanted, "body").items()}
    items: dict[Any, list[ContentItem]] = {}
    for path, span_id, slot, index, digest, body_bytes, body_row, *body in rows:
        text = (body[0] if body[0] is not None else bodies[path, body_row]) if scope.content else None
        item = ContentItem(CONTENT_SLOTS[slot][0], index, digest, text, body_bytes)
        items.setdefault((paths[path].unit, span_id), []).append(item)
    return items
