"""The recorder against opentelemetry-sdk spans under random operations, compared as OTLP read by upb."""

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_core_ext.tracer import RecordingTracer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as official
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope


@pytest.fixture(autouse=True, scope="module")
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


RESOURCE = Resource({"service.name": "x"})


def make(limits=None, **options):
    queue = SpanQueue(1 << 26, 1 << 19, 1 << 24, lambda: None)
    scope = queue.scope(RESOURCE, InstrumentationScope("n", "1"))
    given_options = {"threshold": 0, "sampler": None, "processors": (), "attributes_key": None, **options}
    return queue, RecordingTracer(scope, Limits(limits or SpanLimits()), **given_options)


def sent(queue):
    batch = queue.take()
    request = ExportTraceServiceRequest.FromString(batch.encode())
    queue.settle(batch, batch.count)
    return [s for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans]


class Own:
    def __str__(self):
        return "o"  # shorter than any limit here: the SDK does not truncate the text of foreign objects, we do


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
keys = st.sampled_from(["a", "b", "c", "d", "e", "ü", "long" * 40]) | text | st.integers(0, 2) | st.none()
scalar = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | text | st.binary()
value = st.recursive(
    scalar | st.builds(Own) | st.just(object()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text | st.integers(0, 1), inner, max_size=3),
    max_leaves=8,
)
mapping = st.dictionaries(keys, value, max_size=5)
context = st.builds(trace.SpanContext, st.integers(0, 2**128 - 1), st.integers(0, 2**64 - 1), st.booleans())
code = st.sampled_from(trace.StatusCode)
operation = st.one_of(
    st.tuples(st.just("set_attribute"), keys, value),
    st.tuples(st.just("set_attributes"), mapping),
    st.tuples(st.just("add_event"), text, mapping, st.integers(1, 2**63)),
    st.tuples(st.just("add_link"), context, mapping),
    st.tuples(st.just("update_name"), text),
    st.tuples(st.just("set_status"), code, st.none() | text),
    st.tuples(st.just("set_status"), st.builds(trace.Status, code)),
    st.tuples(st.just("record_exception"), st.builds(ValueError, text), mapping, st.just(5)),
    st.tuples(st.just("end"), st.integers(1, 2**62)),
)
limit = st.none() | st.integers(0, 4)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, max_size=25), limit, limit, limit, limit, limit, st.none() | st.integers(1, 4), mapping)
def test_behaves_as_the_sdk(operations, attributes, events, links, event_attributes, link_attributes, chars, first):
    def unset(limit):
        return SpanLimits.UNSET if limit is None else limit

    limits = SpanLimits(
        max_span_attributes=unset(attributes),
        max_events=unset(events),
        max_links=unset(links),
        max_event_attributes=unset(event_attributes),
        max_link_attributes=unset(link_attributes),
        max_attribute_length=unset(chars),
    )
    queue, tracer = make(limits)
    provider = TracerProvider(resource=RESOURCE, span_limits=limits, shutdown_on_exit=False)
    theirs = provider.get_tracer("n", "1").start_span("s", attributes=first, start_time=7)
    ours = tracer.start_span("s", attributes=first, start_time=7)
    for name, *args in operations:
        for span in (ours, theirs):
            getattr(span, name)(*args)
    for span in (ours, theirs):
        if span.is_recording():
            span.end(9)
    (mine,) = sent(queue)
    (other,) = official([theirs]).resource_spans[0].scope_spans[0].spans
    mine.trace_id, mine.span_id = other.trace_id, other.span_id
    for message in (mine, other):
        for event in message.events:
            for item in event.attributes:
                if item.key == "exception.stacktrace":
                    item.value.string_value = item.value.string_value[:1]
    assert mine == other
    assert dict(ours.attributes) == dict(theirs.attributes)
    assert [(e.name, e.timestamp) for e in ours.events] == [(e.name, e.timestamp) for e in theirs.events]
    assert (ours.name, ours.kind, ours.start_time, ours.end_time) == (
        theirs.name,
        theirs.kind,
        theirs.start_time,
        theirs.end_time,
    )
    assert ours.status.status_code is theirs.status.status_code
    assert ours.status.description == theirs.status.description
    assert [link.context for link in ours.links] == [link.context for link in theirs.links]
    assert (ours.dropped_attributes, ours.dropped_events, ours.dropped_links) == (
        theirs.dropped_attributes,
        theirs.dropped_events,
        theirs.dropped_links,
    )


def test_a_key_set_a_million_bytes_over_keeps_the_buffer_small():
    queue, tracer = make()
    span = tracer.start_span("s")
    span.set_attribute("first", 1)
    for i in range(3000):
        span.set_attribute("k", f"{i}" * 100)
    span.end()
    (found,) = sent(queue)
    assert [item.key for item in found.attributes] == ["first", "k"]
    assert found.attributes[1].value.string_value == "2999" * 100


def test_values_that_raise_are_counted_and_never_raise():
    class Bad:
        def __str__(self):
            raise RuntimeError

    queue, tracer = make()
    span = tracer.start_span("s")
    span.set_attribute("a", Bad())
    span.set_attribute("b", 2**70)
    span.set_attributes({"c": [Bad()]})
    span.set_attributes(5)
    span.add_event("e", {"x": Bad()})
    loop = []
    loop.append(loop)
    span.set_attribute("d", loop)
    span.end()
    (found,) = sent(queue)
    assert found.dropped_attributes_count == 4
    assert not found.attributes
    assert found.events[0].dropped_attributes_count == 1


def test_ids_differ_and_parents_hold():
    _, tracer = make()
    seen = set()
    for _ in range(1000):
        with trace.use_span(tracer.start_span("p"), end_on_exit=True) as parent:
            child = tracer.start_span("c")
            assert child.parent == parent.get_span_context()
            assert child.get_span_context().trace_id == parent.get_span_context().trace_id
            child.end()
            seen |= {child.get_span_context().span_id, parent.get_span_context().span_id}
    assert len(seen) == 2000


def test_full_queue_keeps_the_last_tenth_for_errors():
    queue = SpanQueue(10_000, 1 << 19, 1 << 24, lambda: None)
    tracer = RecordingTracer(queue.scope(RESOURCE, None), Limits(SpanLimits()), 0, None, (), None)

    def end(error):
        span = tracer.start_span("s", attributes={"k": "v" * 300})
        if error:
            span.set_status(trace.StatusCode.ERROR)
        span.end()
        return queue.dropped.get("queue_full", 0)

    while not end(error=False):
        pass
    assert end(error=True) == 1
    while end(error=True) == 1:
        pass
    assert queue.queued_bytes <= queue.max_bytes
    assert queue.created == queue.queued + queue.dropped["queue_full"]
    queue.close("shutdown")
    end(error=False)
    created, exported, queued, dropped, *_ = queue.ledger()
    assert (exported, queued) == (0, 0)
    assert created == sum(dropped.values())


def test_a_batch_splits_between_spans():
    queue, tracer = make()
    for i in range(7):
        span = tracer.start_span(f"s{i}")
        span.set_attribute("k", "v" * (10 ** (i % 4)))
        span.end()
    batch = queue.take()
    names, pending = [], [batch]
    while pending:
        piece = pending.pop(0)
        if piece.count > 1:
            pending = piece.split() + pending
            continue
        request = ExportTraceServiceRequest.FromString(piece.encode())
        names.append(request.resource_spans[0].scope_spans[0].spans[0].name)
        queue.settle(piece, 1)
    assert names == [f"s{i}" for i in range(7)]
    assert (queue.queued, queue.queued_bytes) == (0, 0)
