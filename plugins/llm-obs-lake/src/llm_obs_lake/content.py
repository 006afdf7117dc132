"""The messages of a trace's spans, out of the files beside those of the spans."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from llm_obs_core.interfaces import ContentItem, Scope
from llm_obs_core.model import CONTENT_SLOTS

from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.gather import rows_at
from llm_obs_lake.view import View, relation

__all__ = ["Unit", "read_content"]

Unit = tuple[str, str, int, str, int, int]
"""`Segment.unit`: which files belong together."""


def read_content(
    engine: Engine,
    view: View,
    scope: Scope,
    tenant: str,
    units: Collection[Unit],
    trace_id: bytes,
    ids: Sequence[bytes] | None = None,
) -> dict[tuple[Unit, bytes], list[ContentItem]]:
    """The messages of each span, by the file's unit and the span's id.

    Args:
        engine: Reads the files.
        view: The live files.
        scope: Whether bodies may be read.
        tenant: Whose.
        units: Of the files that the spans are from.
        trace_id: Of which trace.
        ids: Of which spans; of all when None.
    """
    segments = [segment for segment in view.of(tenant, "content") if segment.unit in units]
    if not segments:
        return {}
    paths = dict(zip(view.paths(segments), segments, strict=True))
    bound = Parameters()
    names = ["span_id", "slot", "index", "digest", "body_bytes", "body_row", *(["body"] if scope.content else [])]
    columns = ", ".join(["filename", *(f'"{name}"' for name in names)])
    source = relation(view, segments, ["trace_id", *names], bound, filename=True)
    where = f"trace_id = {bound.bind(trace_id)}"
    if ids is not None:
        where += f" AND span_id IN (SELECT unnest({bound.bind(list(ids))}))"
    rows = engine.rows(f"SELECT {columns} FROM {source} WHERE {where} ORDER BY span_id, slot, index", bound.values)
    bodies: dict[tuple[str, int], str] = {}
    if scope.content:
        for path in paths:
            wanted = sorted({row[6] for row in rows if row[0] == path and row[7] is None})
            bodies |= {(path, row): body for row, body in rows_at(view.blobs, paths[path], wanted, "body").items()}
    items: dict[tuple[Unit, bytes], list[ContentItem]] = {}
    for path, span_id, slot, index, digest, body_bytes, body_row, *body in rows:
        text = (body[0] if body[0] is not None else bodies[path, body_row]) if scope.content else None
        item = ContentItem(CONTENT_SLOTS[slot][0], index, digest, text, body_bytes)
        items.setdefault((paths[path].unit, span_id), []).append(item)
    return items
