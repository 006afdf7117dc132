"""Annotations: of one target and key the highest revision counts, and of equal ones the one that came last."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from llm_obs_lake.arrow import id_numbers, numbers

__all__ = ["fold_annotations"]


def fold_annotations(rows: pa.Table) -> pa.Table:
    """Those that count, by trace; the ones that take something back among them, for older files may have it.

    Args:
        rows: Of the annotations' schema, in order of Positions.
    """
    if not len(rows):
        return rows
    table = rows.combine_chunks()
    traces = id_numbers(table["trace_id"])
    of_span = numbers(table["span_id"].is_valid())
    spans = np.where(of_span, id_numbers(table["span_id"])[:, 0], np.uint64(0))
    keys = numbers(table["key"].combine_chunks().dictionary_encode().indices)
    target = (keys, spans, of_span, traces[:, 1], traces[:, 0])  # the last one sorts first
    order = np.lexsort((numbers(table["revision"]), *target))  # stable: equal revisions stay in the order they came
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = np.any([column[order][1:] != column[order][:-1] for column in target], axis=0)
    return table.take(pa.array(order[last]))
