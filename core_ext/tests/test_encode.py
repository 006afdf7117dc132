"""The encoder against opentelemetry-exporter-otlp, read by upb."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.encode import SpanEncoder, encode_spans
from llm_obs_core_ext.spanqueue import SpanQueue
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as official
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | text | st.binary()
value = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)
attributes = st.dictionaries(text, value | st.integers() | st.just(object()), max_size=6)
trace_ids = st.integers(1, 2**128 - 1)
states = st.sampled_from([None, trace.TraceState([("a", "1"), ("ot", "th:8")])])
contexts = st.builds(trace.SpanContext, trace_ids, st.integers(1, 2**64 - 1), st.booleans(), trace_state=states)
times = st.none() | st.integers(0, 2**64 - 1)
events = st.builds(Event, text, attributes, st.integers(0, 2**64 - 1))
statuses = st.builds(
    lambda code, message: trace.Status(code, message if code is trace.StatusCode.ERROR else None),
    st.sampled_from(trace.StatusCode),
    st.none() | text,
)
scopes = st.sampled_from(
    [
        None,
        *(InstrumentationScope(n, v, "u" if v else None, {"k": [1]} if v else None) for n in "ab" for v in ("", "1")),
    ]
)
resources = st.sampled_from(
    [Resource({}), Resource({"service.name": "ü" * 100}, "url"), Resource({"service.name": "b"})]
)
spans = st.builds(
    ReadableSpan,
    name=text,
    context=contexts,
    parent=st.none() | contexts,
    resource=resources,
    attributes=attributes,
    events=st.lists(events, max_size=3),
    links=st.lists(st.builds(trace.Link, contexts, attributes), max_size=3),
    kind=st.sampled_from(trace.SpanKind),
    status=statuses,
    start_time=times,
    end_time=times,
    instrumentation_scope=scopes,
)


def parsed(body):
    return ExportTraceServiceRequest.FromString(body)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(spans, max_size=6))
def test_means_what_the_official_encoder_means(given_spans):
    assert parsed(encode_spans(given_spans)) == official(given_spans)


def finished(count=3):
    made = []
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("t", "1", "schema", {"x": 1})
    for _ in range(count):
        span = tracer.start_span("s", attributes={f"k{j}": "v" * j for j in range(200)})
        for _ in range(200):
            span.add_event("e", {f"k{k}": k for k in range(140)})
        span.set_status(trace.StatusCode.ERROR, "x" * 300)
        span.end()
        made.append(span)
    return made


def test_spans_of_the_sdk_with_dropped_counts():
    made = finished()
    assert made[0].dropped_attributes == 72
    assert parsed(encode_spans(made)) == official(made)
    assert parsed(encode_spans([span._readable_span() for span in made])) == official(made)


def test_lone_surrogates_become_replacement_characters():
    span = ReadableSpan("a\ud800b", trace.SpanContext(1, 1, False), attributes={"k": "x\udfffy", "ok": 1})
    (found,) = parsed(encode_spans([span])).resource_spans[0].scope_spans[0].spans
    assert found.name == "a\ufffdb"
    assert found.attributes[0].value.string_value == "x\ufffdy"
    assert len(found.attributes) == 2


def test_too_deep_values_are_left_out_and_the_request_stays_readable():
    deep = []
    for _ in range(60):
        deep = [deep]
    span = ReadableSpan("a", trace.SpanContext(1, 1, False), attributes={"k": deep, "ok": 1})
    (found,) = parsed(encode_spans([span])).resource_spans[0].scope_spans[0].spans
    assert [item.key for item in found.attributes] == ["ok"]


def test_one_at_a_time_into_a_queue():
    queue = SpanQueue(1 << 26, 1 << 19, 1 << 24, lambda: None)
    encoder = SpanEncoder(queue)
    made = finished(2)
    for span in made:
        encoder.add(span)
    batch = queue.take()
    assert parsed(batch.encode()) == official(made)
    queue.settle(batch, 2)
    assert queue.ledger() == (2, 2, 0, {}, 0, 0, 0)


def test_a_span_that_cannot_be_encoded_raises_and_leaves_nothing():
    with pytest.raises(AttributeError):
        encode_spans([ReadableSpan("a")])
