"""Batches from stored parts: the Span messages a store keeps, with their resources and scopes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.scan import scan

__all__ = ["batch_from_spans"]

Bytes = bytes | bytearray | memoryview


def _field(number: int, payload: bytes) -> bytes:
    size = len(payload)
    out = bytearray((number << 3 | 2,))
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out) + payload


def batch_from_spans(
    spans: Sequence[Bytes], resources: Sequence[Bytes] | None = None, scopes: Sequence[Bytes] | None = None
) -> SpanBatch:
    """Scan single Span messages as one batch; neighbours with equal resource and scope share them.

    Args:
        spans: Payloads of `opentelemetry.proto.trace.v1.Span`, as `slim` and the stores keep them.
        resources: The payload of each span's Resource message; empty or None for none.
        scopes: The payload of each span's InstrumentationScope message; empty or None for none.

    Raises:
        WireError: A payload is not such a message; `offset` counts within the joined request.
    """
    count = len(spans)
    around = zip(resources or [b""] * count, scopes or [b""] * count, spans, strict=True)
    body = bytearray()
    for resource, by_resource in groupby(around, key=lambda row: bytes(row[0])):
        groups = bytearray()
        for scope, rows in groupby(by_resource, key=lambda row: bytes(row[1])):
            inner = (_field(1, scope) if scope else b"") + b"".join(_field(2, bytes(row[2])) for row in rows)
            groups += _field(2, inner)
        body += _field(1, (_field(1, resource) if resource else b"") + bytes(groups))
    return scan(bytes(body), max_spans=max(count, 1))
