"""What was said about traces and their spans, as the reader returns it and as filters see it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from llm_obs_core.interfaces import StoredAnnotation

from llm_obs_lake.annotations import read_annotations_of
from llm_obs_lake.engine import Engine
from llm_obs_lake.view import View

__all__ = ["said_of", "values_said"]


def said_of(engine: Engine, view: View, tenant: str, trace_ids: Sequence[bytes]) -> list[StoredAnnotation]:
    """The annotations of a tenant's traces that count, by trace, those of the whole trace first, then span and key."""
    found = read_annotations_of(engine, view, tenant, trace_ids)
    return [
        StoredAnnotation(tenant, *item)
        for trace_id in sorted(found)
        for item in found[trace_id]
        if msgspec.json.decode(item.value) is not None  # else it was taken back
    ]


def values_said(
    engine: Engine, view: View, tenant: str, trace_ids: Sequence[bytes]
) -> dict[tuple[bytes, bytes | None], list[tuple[str, object]]]:
    """By trace and span, None for the whole trace: key and value of each annotation."""
    found: dict[tuple[bytes, bytes | None], list[tuple[str, object]]] = {}
    for item in said_of(engine, view, tenant, trace_ids):
        value = msgspec.json.decode(item.value)
        found.setdefault((item.trace_id, item.span_id), []).append((item.key, value))
    return found
