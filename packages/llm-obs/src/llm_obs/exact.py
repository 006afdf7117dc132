"""Traces as JSON, exactly: the names and forms of the GraphQL API, where 64-bit integers are strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from llm_obs_core.interfaces import FoundSpan, SessionSummary, StoredAnnotation, StoredSpan, StoredTrace, TraceSummary
from llm_obs_core.model import SpanKind, StatusCode
from llm_obs_core.plainjson import plain_json

__all__ = ["annotation_json", "found_json", "session_json", "span_json", "summary_json", "trace_json"]

KINDS: Final = {kind.value: kind.name for kind in SpanKind}
STATUSES: Final = {status.value: status.name for status in StatusCode}
INT64: Final = frozenset(
    {"start_ns", "end_ns", "duration_ns", "input_tokens", "output_tokens", "cost_nano_usd", "ttft_ns"}
)
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
        "spans": [span_json(stored, trace.annotations) for stored in trace.spans],
        "annotations": [annotation_json(said) for said in trace.annotations],
        "coverage": {
            _camel(name): _number(value) if name == "fresh_to_ns" else value
            for name, value in msgspec.structs.asdict(trace.coverage).items()
        },
    }


def session_json(session: SessionSummary) -> dict[str, Any]:
    """One line of the list of sessions."""
    fields = msgspec.structs.asdict(session)
    return {_camel(name): _number(value) if name in INT64 else value for name, value in fields.items()}


def found_json(found: FoundSpan, *, content: bool) -> dict[str, Any]:
    """One span of a list, whole; bodies of content only where they are wanted."""
    assert found.stored is not None
    span = span_json(found.stored)
    if not content:
        span["content"] = [item | {"body": None} for item in span["content"]]
    return {"tenant": found.tenant, "traceId": found.stored.span.trace_id.hex(), "span": span}


def annotation_json(said: StoredAnnotation) -> dict[str, Any]:
    """What was said about a trace or a span."""
    return {
        "spanId": said.span_id.hex() if said.span_id else None,
        "key": said.key,
        "value": plain_json(msgspec.json.decode(said.value)),
        "revision": str(said.revision),
        "receivedNs": str(said.received_ns),
    }


def span_json(stored: StoredSpan, annotations: Sequence[StoredAnnotation] = ()) -> dict[str, Any]:
    """One span with its content and what was said about it."""
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
        "annotations": [annotation_json(said) for said in annotations if said.span_id == span.span_id],
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
