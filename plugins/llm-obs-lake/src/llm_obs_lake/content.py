"""The messages of a trace's spans, out of the files beside those of the spans."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from llm_obs_core.filter import Condition, Facts, field_of, meets
from llm_obs_core.interfaces import ContentItem, Scope
from llm_obs_core.model import CONTENT_SLOTS

from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.gather import rows_at
from llm_obs_lake.view import View, relation

__all__ = ["Unit", "read_content", "spans_saying"]

_BYTES_AT_ONCE: Final = 16 * 1024 * 1024
"""Bodies that are in memory at once when they are searched, or one that is longer."""

Unit = tuple[str, str, int, str, int, int]
"""`Segment.unit`: which files belong together."""


Place = tuple[Unit, bytes, bytes]
"""The unit, trace and id of a span."""


def read_content(
    engine: Engine,
    view: View,
    scope: Scope,
    tenant: str,
    units: Collection[Unit],
    trace_ids: Sequence[bytes],
    ids: Sequence[bytes] | None = None,
) -> dict[Place, list[ContentItem]]:
    """The messages of each span, by the file's unit and the span's ids.

    Args:
        engine: Reads the files.
        view: The live files.
        scope: Whether bodies may be read.
        tenant: Whose.
        units: Of the files that the spans are from.
        trace_ids: Of which traces.
        ids: Of which spans; of all when None.
    """
    segments = [segment for segment in view.of(tenant, "content") if segment.unit in units]
    if not segments:
        return {}
    paths = dict(zip(view.paths(segments), segments, strict=True))
    bound = Parameters()
    columns = ["span_id", "slot", "index", "digest", "body_bytes", "body_row", *(["body"] if scope.content else [])]
    source = relation(view, segments, ["trace_id", *columns], bound, filename=True)
    where = f"trace_id IN (SELECT unnest({bound.bind(list(trace_ids))}))"
    if len(trace_ids) == 1:
        where = f"trace_id = {bound.bind(trace_ids[0])}"
    if ids is not None:
        where += f" AND span_id IN (SELECT unnest({bound.bind(list(ids))}))"
    listed = ", ".join(f'"{name}"' for name in columns)
    rows = engine.rows(
        f"SELECT filename, trace_id, {listed} FROM {source} WHERE {where} ORDER BY trace_id, span_id, slot, index",
        bound.values,
    )
    bodies: dict[tuple[str, int], str] = {}
    if scope.content:
        for path in paths:
            wanted = sorted({row[7] for row in rows if row[0] == path and row[8] is None})
            bodies |= {(path, row): body for row, body in rows_at(view.blobs, paths[path], wanted, "body").items()}
    items: dict[Place, list[ContentItem]] = {}
    for path, trace_id, span_id, slot, index, digest, body_bytes, body_row, *body in rows:
        text = (body[0] if body[0] is not None else bodies[path, body_row]) if scope.content else None
        item = ContentItem(CONTENT_SLOTS[slot][0], index, digest, text, body_bytes)
        items.setdefault((paths[path].unit, trace_id, span_id), []).append(item)
    return items


def spans_saying(
    engine: Engine,
    view: View,
    tenant: str,
    units: Collection[Unit],
    trace_ids: Sequence[bytes],
    condition: Condition,
) -> set[Place]:
    """The spans with a message that meets a condition on content.

    Args:
        engine: Reads the files.
        view: The live files.
        tenant: Whose.
        units: Of the files that the spans are from.
        trace_ids: Of which traces.
        condition: Any but that there is no message.
    """
    segments = [segment for segment in view.of(tenant, "content") if segment.unit in units]
    if not segments:
        return set()
    slots = [number for number, (slot, _) in enumerate(CONTENT_SLOTS) if field_of(condition.field).key in ("", slot)]
    bound = Parameters()
    columns = ["trace_id", "span_id", "slot", "body_bytes", "body_row"]
    source = relation(view, segments, columns, bound, filename=True)
    rows = engine.rows(
        f"SELECT filename, trace_id, span_id, body_bytes, body_row FROM {source} "
        f"WHERE trace_id IN (SELECT unnest({bound.bind(list(trace_ids))})) "
        f"AND slot IN ({', '.join(map(bound.bind, slots))})",
        bound.values,
    )
    paths = dict(zip(view.paths(segments), segments, strict=True))
    if condition.op == "exists":
        return {(paths[path].unit, trace_id, span_id) for path, trace_id, span_id, _, _ in rows}
    sizes: dict[str, dict[int, int]] = {}
    for path, _, _, body_bytes, body_row in rows:
        sizes.setdefault(path, {})[body_row] = body_bytes
    slot = CONTENT_SLOTS[slots[0]][0]
    met = {
        (path, row)
        for path, of_file in sizes.items()
        for some in _batches(of_file)
        for row, body in rows_at(view.blobs, paths[path], some, "body").items()
        if meets(condition, Facts({}, content=((slot, body),)), {})
    }
    return {(paths[path].unit, trace_id, span_id) for path, trace_id, span_id, _, row in rows if (path, row) in met}


def _batches(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """The rows in order, so many at once that their bodies are not too long."""
    batch: list[int] = []
    total = 0
    for row in sorted(sizes):
        if batch and total + sizes[row] > _BYTES_AT_ONCE:
            yield batch
            batch, total = [], 0
        batch.append(row)
        total += sizes[row]
    if batch:
        yield batch
