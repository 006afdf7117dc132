"""Payloads of rows, and the way back into one request."""

from __future__ import annotations

import msgspec
import pytest
from arrow_reading import pylist
from batch_properties import BatchProperties
from llm_obs_core.model import CONTENT_SLOTS, Span
from llm_obs_core_ext.assemble import assemble
from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.emit import emit
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2
from python_work import python_work

CONTENT = {key for _, key in CONTENT_SLOTS}


def without_content(span: Span) -> Span:
    kept = {key: value for key, value in span.attributes.items() if key not in CONTENT}
    return msgspec.structs.replace(span, attributes=kept)


def check(batch: SpanBatch) -> None:
    columns = batch.payloads()
    spans, scopes, resources = (pylist(columns[name]) for name in ("otlp_span", "otlp_scope", "otlp_resource"))
    for kind, values in ((trace_pb2.Span, spans), (InstrumentationScope, scopes), (Resource, resources)):
        assert [value and kind.FromString(value).SerializeToString(deterministic=True) for value in values] == values
    body = assemble(spans, scopes, resources)
    again = scan(body, max_spans=len(spans) + 1)
    assert repr(list(again.spans())) == repr([without_content(span) for span in batch.spans()])  # NaN is NaN
    assert emit(again) == body


class TestPayloads(BatchProperties):
    check = staticmethod(check)


def request() -> Request:
    """Rows without and with an (empty) resource and scope."""
    message = Request()
    for n in range(3):
        resource = message.resource_spans.add()
        scope = resource.scope_spans.add()
        if n:
            resource.resource.SetInParent()
            scope.scope.SetInParent()
        span = scope.spans.add(trace_id=b"t" * 16, span_id=bytes([n + 1]) * 8)
        span.attributes.add(key="gen_ai.input.messages").value.string_value = "secret " * 20
        span.attributes.add(key="a").value.string_value = "b"
    return message


def test_absent_is_not_empty() -> None:
    columns = scan(request().SerializeToString()).payloads()
    assert pylist(columns["otlp_scope"]) == [None, b"", b""]
    assert pylist(columns["otlp_resource"]) == [None, b"", b""]
    assert columns["otlp_span"].validity is None


def test_content_is_in_no_payload() -> None:
    columns = scan(request().SerializeToString()).payloads()
    assert all(b"secret" not in bytes(column.data) for column in columns.values())
    assert len(columns["otlp_span"].data) < 150


def test_a_table_that_does_not_know_content_is_refused() -> None:
    batch = scan(request().SerializeToString(), keys=KeyTable(["a"]))
    with pytest.raises(ValueError, match=r"gen_ai\.input\.messages"):
        batch.payloads()


def test_no_spans() -> None:
    assert [pylist(column) for column in scan(b"").payloads().values()] == [[], [], []]
    assert assemble([], [], []) == b""


def test_neighbours_share_their_envelopes() -> None:
    spans = [pylist(scan(request().SerializeToString()).payloads()["otlp_span"])[0]] * 4
    body = assemble(spans, [b"", b"", None, None], [None, b"\x12\x00", b"\x12\x00", None])
    resources = Request.FromString(body).resource_spans
    assert [[len(scope.spans) for scope in resource.scope_spans] for resource in resources] == [[1], [1, 1], [1]]


def test_wrong_parts_are_named() -> None:
    with pytest.raises(ValueError, match="expected 1 scopes, one a span, got 0"):
        assemble([b""], [], [None])
    with pytest.raises(TypeError, match=r"spans\[0\], got NoneType"):
        assemble([None], [None], [None])  # type: ignore[list-item]


def test_no_python_runs_per_span() -> None:
    few, many = (
        scan(Request(resource_spans=list(request().resource_spans) * times).SerializeToString()) for times in (6, 1400)
    )
    assert python_work(few.payloads) == python_work(many.payloads)
