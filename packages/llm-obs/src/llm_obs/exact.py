"""Traces as JSON, exactly: the names and forms of the GraphQL API, where 64-bit integers are strings."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from llm_obs_core.interfaces import StoredSpan, StoredTrace, TraceSummary
from llm_obs_core.model import SpanKind, StatusCode
from llm_obs_core.plainjson import plain_json

__all__ = ["span_json", "summary_json", "trace_json"]

KINDS: Final = {kind.value: kind.name for kind in SpanKind}
STATUSES: Final = {status.value: status.name for status in StatusCode}
INT64: Final = frozenset({"start_ns", "duration_ns", "input_tokens", "output_tokens", "cost_nano_usd", "ttft_ns"})
BUCKETS: Final = (
    "input_tokens",
    "output_tokens",
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_in",
    "image_in",
    "output_text",
    "output_reasoning",
    "audio_out",
)
PLAIN: Final = (
    "service",
    "environment",
    "scope_name",
    "operation",
    "provider",
    "request_model",
    "response_model",
    "stream",
    "user_id",
    "session_id",
    "application",
    "prompt_name",
    "prompt_version",
    "agent",
    "tool",
    "price_id",
    "finish_reason",
    "completeness",
    "error_type",
    "http_status",
    "response_id",
)


def summary_json(summary: TraceSummary) -> dict[str, Any]:
    """One line of the list."""
    fields = msgspec.structs.asdict(summary)
    made: dict[str, Any] = {"id": fields.pop("trace_id").hex()}
    return made | {_camel(name): _number(value) if name in INT64 else value for name, value in fields.items()}


def trace_json(trace: StoredTrace) -> dict[str, Any]:
    """A whole trace."""
    return {
        "summary": summary_json(trace.summary),
        "spans": [span_json(stored) for stored in trace.spans],
        "coverage": {
            _camel(name): _number(value) if name == "fresh_to_ns" else value
            for name, value in msgspec.structs.asdict(trace.coverage).items()
        },
    }


def span_json(stored: StoredSpan) -> dict[str, Any]:
    """One span with its content."""
    span, columns = stored.span, stored.columns
    usage = {_camel(name): _number(columns[name]) for name in BUCKETS}
    return {
        "id": span.span_id.hex(),
        "parentId": span.parent_span_id.hex() if span.parent_span_id else None,
        "name": span.name,
        "kind": KINDS.get(span.kind, "UNSPECIFIED"),
        "startNs": str(span.start_ns),
        "durationNs": _number(columns["duration_ns"]),
        "status": STATUSES.get(span.status_code, "UNSET"),
        "statusMessage": span.status_message or None,
        **{_camel(name): columns[name] for name in PLAIN},
        "usage": {**usage, "role": columns["usage_role"], "basis": columns["usage_basis"]}
        if any(usage.values())
        else None,
        "costNanoUsd": _number(columns["cost_nano_usd"]),
        "ttftNs": _number(columns["ttft_ns"]),
        "attributes": plain_json(span.attributes),
        "resource": plain_json(span.resource),
        "events": [
            {"name": event.name, "timeNs": str(event.time_ns), "attributes": plain_json(event.attributes)}
            for event in span.events
        ],
        "links": [
            {"traceId": link.trace_id.hex(), "spanId": link.span_id.hex(), "attributes": plain_json(link.attributes)}
            for link in span.links
        ],
        "content": [
            {
                "slot": item.slot,
                "index": item.index,
                "digest": item.digest.hex(),
                "body": item.body,
                "bodyBytes": item.body_bytes,
            }
            for item in stored.content
        ],
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _number(value: Any) -> str | None:
    return None if value is None else str(value)
