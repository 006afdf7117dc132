"""Spans as they are now: of those with the same ids the one that came last, out of the files that may have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.model import Span
from llm_obs_core_ext.assemble import assemble
from llm_obs_core_ext.scan import scan

from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.filter import may_hold, trace_hash
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.view import View, relation

__all__ = ["PAYLOADS", "LiveSpans", "files_of", "live_spans", "spans_of"]

PAYLOADS: Final = ("otlp_span", "otlp_scope", "otlp_resource")
_SCHEMA: Final = SCHEMAS["spans"]
_LOOKED_UP: Final = 64
"""Most traces whose files are looked up in the catalog, and whose ids stand in the statement: it spares row groups."""
_SCANNED: Final = 2_048
"""Spans that are objects at once."""


class LiveSpans(NamedTuple):
    """Spans, and the file that each is from."""

    table: pa.Table
    segments: list[Segment]


def files_of(
    view: View, tenant: str, trace_ids: Sequence[bytes], start_ns: int | None = None, end_ns: int | None = None
) -> list[Segment]:
    """The files of a tenant's spans that may have some of the traces.

    Args:
        view: The live files.
        tenant: Whose.
        trace_ids: The traces.
        start_ns: All their spans start then or later; None: at any time.
        end_ns: All their spans start then or earlier.
    """
    segments = [
        segment
        for segment in view.of(tenant, "spans")
        if (start_ns is None or segment.max_start_ns >= start_ns) and (end_ns is None or segment.min_start_ns <= end_ns)
    ]
    if len(trace_ids) > _LOOKED_UP:
        return segments
    found: set[int] = set()
    for trace_id in trace_ids:
        hash = trace_hash(trace_id)
        blocks = view.filter_blocks(tenant, hash)  # without those of segments that were merged since
        found.update(part.id for part in segments if part.id not in blocks or may_hold(blocks[part.id], hash))
    return [segment for segment in segments if segment.id in found]


def live_spans(
    engine: Engine,
    view: View,
    segments: Sequence[Segment],
    columns: Sequence[str],
    trace_ids: Sequence[bytes],
    span_ids: Sequence[bytes] | None = None,
    limit: str = "",
) -> LiveSpans | None:
    """Columns of spans, by trace, start and id; None when there are none.

    Args:
        engine: Reads the files.
        view: The live files.
        segments: The files of one tenant that may have the traces.
        columns: At least `span_id`, and `trace_id` when it is not one trace.
        trace_ids: Of which traces.
        span_ids: Of which spans; of all when None.
        limit: `LIMIT` and a number.
    """
    if not segments or not trace_ids:
        return None
    by_path = dict(zip(view.paths(segments), segments, strict=True))
    bound = Parameters()
    read = list(dict.fromkeys(["trace_id", "start_ns", "span_id", *columns]))
    source = relation(view, segments, read, bound, filename=True)
    where = _among("trace_id", trace_ids, bound)
    if span_ids is not None:
        where += f" AND {_among('span_id', span_ids, bound)}"
    names = ", ".join(f'"{name}"' for name in read)
    table = engine.table(
        f"SELECT {names}, filename FROM {source} WHERE {where} ORDER BY trace_id, start_ns, span_id {limit}",
        bound.values,
    )
    if not len(table):
        return None
    of_row = [by_path[path] for path in table["filename"].to_pylist()]
    table = table.select(read).cast(pa.schema([_SCHEMA.field(name) for name in read]))
    rows = _newest(table, of_row)
    if rows is not None:
        table, of_row = table.take(rows), [of_row[row] for row in rows]
    return LiveSpans(table.select(list(columns)).combine_chunks(), of_row)


def _among(name: str, ids: Sequence[bytes], bound: Parameters) -> str:
    if len(ids) == 1:
        return f"{name} = {bound.bind(ids[0])}"
    if len(ids) <= _LOOKED_UP:
        return f"{name} IN ({', '.join(map(bound.bind, ids))})"
    return f"{name} IN (SELECT unnest({bound.bind(list(ids))}))"


def _newest(table: pa.Table, of_row: Sequence[Segment]) -> list[int] | None:
    """The rows that count, when it is not all of them."""
    ids = pc.binary_join_element_wise(
        table["trace_id"].cast(pa.binary()), table["span_id"].cast(pa.binary()), pa.scalar(b"")
    )
    if pc.count_distinct(ids).as_py() == len(table):
        return None
    newest: dict[bytes, int] = {}
    for row, id in enumerate(ids.to_pylist()):
        kept = newest.setdefault(id, row)
        if of_row[row].unit > of_row[kept].unit:
            newest[id] = row
    return sorted(newest.values())


def spans_of(table: pa.Table) -> Iterator[Span]:
    """The spans of rows with `PAYLOADS`, rebuilt from their bytes; some of them in memory at once."""
    for start in range(0, len(table), _SCANNED):
        rows = table.slice(start, _SCANNED)
        request = assemble(*(rows[name].to_pylist() for name in PAYLOADS))
        found = list(scan(request, max_spans=len(rows), max_attributes=2**31 - 1).spans())
        if len(found) != len(rows):
            raise ValueError(f"{len(rows)} payloads are {len(found)} spans")
        yield from found
