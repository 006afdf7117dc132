"""What was said about traces and spans."""

from __future__ import annotations

from typing import Any

import msgspec
import strawberry
from llm_obs_core import interfaces

from llm_obs_query.schema.scalars import JSON, Int64

__all__ = ["Annotation"]


def _span_id(root: interfaces.StoredAnnotation) -> strawberry.ID | None:
    return None if root.span_id is None else strawberry.ID(root.span_id.hex())


def _value(root: interfaces.StoredAnnotation) -> Any:
    return msgspec.json.decode(root.value)


@strawberry.type
class Annotation:
    """Rows: `llm_obs_core.interfaces.StoredAnnotation`."""

    span_id: strawberry.ID | None = strawberry.field(
        resolver=_span_id, description="The span that it is about; null when it is about the whole trace."
    )
    key: str
    value: JSON = strawberry.field(resolver=_value)
    revision: Int64 = strawberry.field(description="Of two with one target and key the greater one counts.")
    received_ns: Int64
