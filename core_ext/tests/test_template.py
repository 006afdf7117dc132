"""A span that starts from a template is the span that starts from the same attributes."""

import pytest
from llm_obs_core_ext.fields import Fields
from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_core_ext.template import CallTemplate
from llm_obs_core_ext.tracer import RecordingTracer
from opentelemetry import context as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind

FIELDS = Fields([("temperature", "t", "real"), ("user", "user.id", "text")])
TEMPLATE = CallTemplate("chat", "openai", {"server.address": "a.example", "list": ["x", "y"], "port": 443}, FIELDS)
BODY = {"temperature": 1, "user": "ann", "model": "m"}
LIMITS = [{}, {"max_span_attributes": 3}, {"max_span_attributes": 0}, {"max_span_attribute_length": 4}]
CONTEXTS = [(), (("user.id", "bob"), ("tag", 1)), (("port", 80), ("gen_ai.operation.name", "other"))]


def tracer(limits=None, sampler=None):
    queue = SpanQueue(1 << 20, 1 << 18, 1 << 16, lambda: None)
    scope = queue.scope(Resource({}), InstrumentationScope("t"))
    return RecordingTracer(scope, Limits(SpanLimits(**(limits or {}))), 0, sampler, (), "attributes")


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("pairs", CONTEXTS)
@pytest.mark.parametrize("model", ["m", None, ""])
def test_as_from_attributes(limits, pairs, model):
    made = tracer(limits)
    token = otel.attach(otel.set_value("attributes", pairs))
    try:
        found = made.start_call(TEMPLATE, model, BODY)
        plain = made.start_span(TEMPLATE.name(model), None, SpanKind.CLIENT, TEMPLATE.first(model, BODY))
    finally:
        otel.detach(token)
    assert dict(found.attributes) == dict(plain.attributes)
    assert (found.name, found.kind) == (plain.name, plain.kind) == (f"chat {model}" if model else "chat", plain.kind)
    if limits.get("max_span_attributes") != 0:
        assert found.dropped_attributes == plain.dropped_attributes
    found.end()
    plain.end()


def test_a_sampler_sees_the_attributes_and_suppression_is_honoured():
    seen = []

    class Sampler(type(ALWAYS_ON)):
        def should_sample(self, context, trace_id, name, kind=None, attributes=None, links=None):
            seen.append(dict(attributes))
            return super().should_sample(context, trace_id, name, kind, attributes, links)

    span = tracer(sampler=Sampler(ALWAYS_ON._decision)).start_call(TEMPLATE, "m", BODY)
    assert seen == [TEMPLATE.first("m", BODY)] == [{**span.attributes, "list": ["x", "y"]}]
    assert not tracer(sampler=ALWAYS_OFF).start_call(TEMPLATE, "m", BODY).is_recording()
    for key in (otel._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation"):
        token = otel.attach(otel.set_value(key, True))
        assert tracer().start_call(TEMPLATE, "m", BODY) is None
        otel.detach(token)


def test_names_of_many_models_are_not_kept_for_ever():
    for number in range(1000):
        assert TEMPLATE.name(f"m{number}") == f"chat m{number}"
    assert TEMPLATE.name(7) == "chat 7"
