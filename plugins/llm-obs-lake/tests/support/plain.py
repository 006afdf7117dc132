"""What a reader answers about a whole store, as plain JSON: to be held against what an older version answered."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from llm_obs_core.interfaces import AggregateQuery, Reader, Scope, TraceQuery

__all__ = ["everything"]

_MINUTE_NS: Final = 60_000_000_000
_QUERIES: Final = (
    AggregateQuery(),
    AggregateQuery(group_by=("model", "user_id", "service"), interval_ns=_MINUTE_NS),
    AggregateQuery(group_by=("stream", "finish_reason", "error_type")),
)


async def everything(reader: Reader, tenant: str) -> dict[str, Any]:
    """Every trace with its content, in the order of the list, and sums of a tenant."""
    scope = Scope((tenant,), content=True)
    page = await reader.find_traces(scope, TraceQuery(), first=10_000)
    traces = []
    for item in page.traces:
        trace = await reader.trace(scope, item.trace_id)
        assert trace is not None
        traces.append({"listed": item, "summary": trace.summary, "spans": trace.spans})
    sums = [(await reader.aggregate(scope, query)).rows for query in _QUERIES]
    values = await reader.values(scope, "user_id")
    found: dict[str, Any] = _plain(
        {
            "traces": traces,
            "sums": [sorted(rows, key=lambda row: repr((row.keys, row.bucket_ns))) for rows in sums],
            "values": values,
        }
    )
    return found


def _plain(value: Any) -> Any:
    """As JSON has it, without what is null: a later version may have more of that."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return _plain({name: getattr(value, name) for name in value.__struct_fields__})
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
