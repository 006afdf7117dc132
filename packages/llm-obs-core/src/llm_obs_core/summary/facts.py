"""What a filter sees of a span that a reader gave."""

from __future__ import annotations

import json
from collections.abc import Iterable

from llm_obs_core.filter import Facts
from llm_obs_core.interfaces.read import StoredAnnotation, StoredSpan

__all__ = ["facts_of"]


def facts_of(stored: StoredSpan, annotations: Iterable[StoredAnnotation] = ()) -> Facts:
    """The facts of a span.

    Args:
        stored: The span. A message whose body is not given counts as an empty text: it exists.
        annotations: Those of its trace and of the trace's spans, of its tenant.
    """
    said = [
        (one.key, json.loads(one.value))
        for one in annotations
        if one.span_id is None or one.span_id == stored.span.span_id
    ]
    content = [(item.slot, item.body or "") for item in stored.content]
    return Facts(stored.columns, stored.span.attributes, stored.span.resource, content, said)
