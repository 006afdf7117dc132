import asyncio
import logging

import llm_obs_sdk as sdk
import pytest
from opentelemetry import trace


def test_a_span_arrives_with_its_attributes_and_resource(client, collector):
    with sdk.span("outer", a=1) as outer:
        outer.set_attribute("gen_ai.request.model", "m")
        with sdk.span("inner"):
            pass
    result = sdk.flush(5)
    assert (result.ok, result.created, result.exported, result.queued, result.dropped) == (True, 2, 2, 0, {})
    spans = collector.by_name()
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    assert spans["inner"].trace_id == spans["outer"].trace_id
    resource = collector.requests[0].resource_spans[0].resource
    assert {"service.name": "tests"}.items() <= {a.key: a.value.string_value for a in resource.attributes}.items()
    assert collector.headers[0]["Content-Type"] == "application/x-protobuf"
    assert collector.headers[0]["User-Agent"].startswith("llm-obs-sdk/")


def test_third_parties_accept_the_span(client):
    with client.tracer.start_as_current_span("a") as span:
        assert isinstance(span, trace.Span)
        assert trace.get_current_span() is span
        carrier = sdk.inject({})
        assert carrier["traceparent"].split("-")[2] == f"{span.get_span_context().span_id:016x}"
        other = trace.get_tracer("x", tracer_provider=client.provider).start_span("b")
        assert other.parent == span.get_span_context()
        other.end()
    with sdk.extract({"Traceparent": carrier["traceparent"]}):
        remote = client.tracer.start_span("c")
        assert remote.parent.is_remote
        assert remote.parent.span_id == span.get_span_context().span_id
        remote.end()


def test_an_exception_marks_the_span_and_goes_on(client, collector):
    error = ValueError("boo")
    with pytest.raises(ValueError, match="boo") as caught, sdk.span("x"):
        raise error
    assert caught.value is error
    sdk.flush(5)
    (span,) = collector.spans()
    assert span.status.code == 2
    assert span.status.message == "ValueError: boo"
    assert span.events[0].name == "exception"


async def test_observe_all_kinds(client, collector, caplog):
    caplog.set_level(logging.WARNING)
    seen = []

    def current():
        return trace.get_current_span().get_span_context().span_id

    @sdk.observe
    def plain(x):
        seen.append(current())
        return x + 1

    @sdk.observe("coro", a="b")
    async def coro():
        await asyncio.sleep(0)
        return plain(1)

    @sdk.observe(name="gen")
    def gen():
        got = yield 1
        seen.append(current())
        yield got
        return 3

    @sdk.observe("agen")
    async def agen():
        try:
            got = yield 1
            yield got
        finally:
            seen.append(current())

    assert await coro() == 2
    g = gen()
    assert next(g) == 1
    assert current() == 0, "nothing stays attached across a yield"
    assert g.send(5) == 5
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value == 3
    a = agen()
    assert await anext(a) == 1
    assert current() == 0
    assert await a.asend(7) == 7
    await asyncio.create_task(a.aclose())
    closed = gen()
    next(closed)
    closed.close()
    abandoned = gen()
    next(abandoned)
    del abandoned
    assert sdk.flush(5).created == 6
    spans = collector.by_name()
    assert int.from_bytes(spans["agen"].span_id, "big") in seen
    assert spans["test_observe_all_kinds.<locals>.plain"]
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")]


async def test_context_reaches_descendants_and_never_leaks(client, collector):
    async def request(i):
        with sdk.context(user=f"u{i}", session=f"s{i}", tags=["t"], metadata={"k": i}):
            await asyncio.sleep(0)
            with sdk.span(f"r{i}"):
                await asyncio.sleep(0)
                await asyncio.gather(child(i), asyncio.to_thread(lambda: sdk.span(f"t{i}").__enter__().end()))

    async def child(i):
        client.tracer.start_span(f"c{i}").end()

    await asyncio.gather(*(request(i) for i in range(200)))
    client.tracer.start_span("outside").end()
    sdk.flush(5)
    spans = collector.by_name()
    assert len(spans) == 601
    for i in range(200):
        for kind in "rct":
            values = {a.key: a.value for a in spans[f"{kind}{i}"].attributes}
            assert values["user.id"].string_value == f"u{i}"
            assert values["gen_ai.conversation.id"].string_value == f"s{i}"
            assert values["llm_obs.metadata.k"].int_value == i
        assert spans[f"c{i}"].trace_id == spans[f"t{i}"].trace_id == spans[f"r{i}"].trace_id
    assert not spans["outside"].attributes


def test_without_init_nothing_happens():
    with sdk.span("x") as span:
        assert not span.is_recording()
    assert sdk.flush().ok
    assert sdk.current() is None
