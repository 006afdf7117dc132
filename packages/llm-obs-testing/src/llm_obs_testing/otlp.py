"""Spans as OTLP bytes, in plain Python: how tests make requests out of Structs."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from llm_obs_core.model import Event, Link, Span
from llm_obs_core.protowire import delimited, varint

__all__ = ["request"]


def request(spans: Iterable[Span]) -> bytes:
    """An ExportTraceServiceRequest; neighbours with equal resource and scope share them."""
    out = bytearray()
    for resource, of_resource in groupby(spans, key=lambda span: span.resource):
        groups = bytearray()
        for scope, members in groupby(of_resource, key=_scope):
            groups += delimited(2, delimited(1, scope) + b"".join(delimited(2, _span(span)) for span in members))
        out += delimited(1, delimited(1, _attributes(1, resource)) + groups)
    return bytes(out)


def _filled(number: int, payload: bytes | str | None) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    return delimited(number, data) if data else b""


def _count(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value & (2**64 - 1)) if value else b""


def _fixed64(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<Q", value) if value else b""


def _fixed32(number: int, value: int) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<I", value) if value else b""


def _value(value: Any) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return bytes((0x10, value))
        case int():
            return b"\x18" + varint(value & (2**64 - 1))
        case float():
            return b"\x21" + struct.pack("<d", value)
        case str():
            return delimited(1, value.encode())
        case bytes():
            return delimited(7, value)
        case list():
            return delimited(5, b"".join(delimited(1, _value(item)) for item in value))
        case dict():
            return delimited(6, _attributes(1, value))
    raise TypeError(f"expected an attribute value, got {type(value).__name__}")


def _attributes(number: int, attributes: Mapping[str, Any]) -> bytes:
    return b"".join(
        delimited(number, delimited(1, key.encode()) + delimited(2, _value(value))) for key, value in attributes.items()
    )


def _scope(span: Span) -> bytes:
    return _filled(1, span.scope_name) + _filled(2, span.scope_version) + _attributes(3, span.scope_attributes)


def _event(event: Event) -> bytes:
    head = _fixed64(1, event.time_ns) + _filled(2, event.name)
    return head + _attributes(3, event.attributes) + _count(4, event.dropped_attributes_count)


def _link(link: Link) -> bytes:
    head = _filled(1, link.trace_id) + _filled(2, link.span_id) + _filled(3, link.trace_state)
    return head + _attributes(4, link.attributes) + _count(5, link.dropped_attributes_count) + _fixed32(6, link.flags)


def _span(span: Span) -> bytes:
    status = _filled(2, span.status_message) + _count(3, span.status_code)
    return b"".join(
        (
            _filled(1, span.trace_id),
            _filled(2, span.span_id),
            _filled(3, span.trace_state),
            _filled(4, span.parent_span_id),
            _filled(5, span.name),
            _count(6, span.kind),
            _fixed64(7, span.start_ns),
            _fixed64(8, span.end_ns),
            _attributes(9, span.attributes),
            _count(10, span.dropped_attributes_count),
            b"".join(delimited(11, _event(event)) for event in span.events),
            _count(12, span.dropped_events_count),
            b"".join(delimited(13, _link(link)) for link in span.links),
            _count(14, span.dropped_links_count),
            _filled(15, status),
            _fixed32(16, span.flags),
        )
    )
