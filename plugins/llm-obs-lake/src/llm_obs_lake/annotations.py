"""The annotations of traces, out of all files that have some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.revisions import fold_annotations
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.view import View, relation

__all__ = ["Annotation", "read_annotations", "read_annotations_of"]


class Annotation(NamedTuple):
    """What is said about a trace or one of its spans.

    Attributes:
        trace_id: The trace.
        span_id: The span; None for the whole trace.
        key: What is said.
        value: JSON text; `null` says that it was taken back.
        revision: How often it was said anew.
        received_ns: When it arrived, Unix nanoseconds.
    """

    trace_id: bytes
    span_id: bytes | None
    key: str
    value: str
    revision: int
    received_ns: int


def read_annotations(engine: Engine, view: View, tenant: str, trace_id: bytes) -> list[Annotation]:
    """The annotations of one trace and of its spans that count now; see `read_annotations_of`."""
    return read_annotations_of(engine, view, tenant, [trace_id]).get(trace_id, [])


def read_annotations_of(
    engine: Engine, view: View, tenant: str, trace_ids: Sequence[bytes]
) -> dict[bytes, list[Annotation]]:
    """The annotations of traces and of their spans that count now, also those that were taken back.

    By trace, in order of span and key, those of the whole trace first; a trace without any is left out.

    Args:
        engine: Reads the files.
        view: The live files.
        tenant: Whose.
        trace_ids: Of which traces.
    """
    segments = sorted(view.of(tenant, "annotations"), key=lambda segment: segment.unit)
    found: dict[bytes, list[Annotation]] = {}
    if not segments or not trace_ids:
        return found
    places = {path: place for place, path in enumerate(view.paths(segments))}
    schema = SCHEMAS["annotations"]
    bound = Parameters()
    source = relation(view, segments, schema.names, bound, filename=True)
    ids = bound.bind(list(dict.fromkeys(trace_ids)))
    names = ", ".join(f'"{name}"' for name in schema.names)
    table = engine.table(
        f"SELECT {names}, filename FROM {source} WHERE trace_id IN (SELECT unnest({ids}))", bound.values
    )
    order = np.argsort([places[path] for path in table["filename"].to_pylist()], kind="stable")
    table = fold_annotations(table.select(schema.names).cast(schema).take(pa.array(order)))
    rows = [Annotation(**row) for row in table.select(Annotation._fields).to_pylist()]
    for row in sorted(rows, key=lambda row: (row.span_id is not None, row.span_id or b"", row.key)):
        found.setdefault(row.trace_id, []).append(row)
    return found
