"""What a store holds, said in such a way that it can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from llm_obs_core.histogram import merge
from llm_obs_core.model import CONTENT_SLOTS, MEASURE_KEYS, MEASURE_VALUES, Span

from llm_obs_testing.parts import CONTENT_KEY, Annotation, batch_of
from llm_obs_testing.rows import Row, rows_of

__all__ = ["Content", "Identity", "Note", "added_up", "contents_of", "notes_of"]

Identity = tuple[str, bytes, bytes, str]
"""Tenant, trace id, span id and name of a stored span."""

Content = tuple[str, bytes, bytes, str, int, str]
"""Tenant, trace id, span id, slot, index and body of a stored message."""

Note = tuple[str, bytes, bytes | None, str, str, int]
"""Tenant, trace id, span id, key, value (JSON text) and revision of a stored annotation."""

_KEYS = [column.name for column in MEASURE_KEYS]
_SUMS = [column.name for column in MEASURE_VALUES if column.type != "histogram"]
_HISTOGRAMS = [column.name for column in MEASURE_VALUES if column.type == "histogram"]


def added_up(rows: Iterable[Row]) -> dict[tuple[Any, ...], Row]:
    """Measures by their keys, rows of equal keys as one."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in _KEYS), []).append(row)
    return {
        keys: {name: sum(row[name] for row in mine) for name in _SUMS}
        | {name: merge(row[name] for row in mine) for name in _HISTOGRAMS}
        for keys, mine in groups.items()
    }


def contents_of(tenant: str, spans: Sequence[Span]) -> Iterator[Content]:
    """The messages of spans."""
    for row in rows_of(batch_of(spans).contents(CONTENT_KEY)):
        span = spans[row["row"]]
        yield tenant, span.trace_id, span.span_id, CONTENT_SLOTS[row["slot"]][0], row["index"], row["body"]


def notes_of(tenant: str, said: Iterable[Annotation]) -> Counter[Note]:
    """Annotations of a tenant."""
    return Counter((tenant, item.trace_id, item.span_id, item.key, item.value, item.revision) for item in said)
