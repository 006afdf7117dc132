"""What a recorder gives an instrumentor: calls, steps and claims, on the SDK's own tracer and on a foreign one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core import interfaces, semconv
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.provider import Provider
from llm_obs_sdk.recorder import Recorder
from llm_obs_sdk.threads import carry
from opentelemetry import context as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

USED = {semconv.USAGE_INPUT_TOKENS: 3, semconv.USAGE_OUTPUT_TOKENS: 4}


def own() -> Any:
    return Provider(SpanQueue(1 << 26, 1 << 24, 1 << 22, lambda: None), Resource({}), 0)


def foreign() -> Any:
    return TracerProvider(shutdown_on_exit=False)


class Kept:
    """A recorder and what ended."""

    def __init__(self, provider: Any) -> None:
        self._exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.recorder: interfaces.Recorder = Recorder(provider.get_tracer("llm_obs"), False, Guard())

    def spans(self) -> dict[str, Any]:
        found = {span.name: span for span in self._exporter.get_finished_spans()}
        assert len(found) == len(self._exporter.get_finished_spans())
        return found

    def roles(self) -> dict[str, Any]:
        return {name: span.attributes.get(semconv.USAGE_ROLE) for name, span in self.spans().items()}


@pytest.fixture(params=[own, foreign])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    made = Kept(request.param())
    yield made
    assert made.recorder.guard.errors == 0


def started(call: Any) -> Any:
    assert call is not None
    return call


def test_a_call_ends_once_and_says_what_it_was(kept: Kept) -> None:
    call = started(kept.recorder.start_call("chat", "mine", "m", {semconv.REQUEST_TEMPERATURE: 0.5}))
    assert not call.ended
    call.end(USED, at_ns=call.span.start_time + 5)
    call.end({"late": 1})
    call.raised(ValueError())
    assert call.ended
    span = kept.spans()["chat m"]
    assert span.kind is SpanKind.CLIENT
    assert span.end_time == span.start_time + 5
    assert dict(span.attributes) == {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "mine",
        semconv.REQUEST_MODEL: "m",
        semconv.REQUEST_TEMPERATURE: 0.5,
        **USED,
    }


class Status(Exception):
    status_code = 503


@pytest.mark.parametrize(
    ("error", "status", "attributes"),
    [
        (
            Status("secret"),
            StatusCode.ERROR,
            {semconv.ERROR_TYPE: "Status", semconv.HTTP_RESPONSE_STATUS_CODE: 503},
        ),
        (asyncio.CancelledError(), StatusCode.UNSET, {semconv.COMPLETENESS: "aborted"}),
    ],
)
def test_a_call_that_raises(kept: Kept, error: BaseException, status: Any, attributes: dict[str, Any]) -> None:
    call = started(kept.recorder.start_call("chat", "mine"))
    call.raised(error)
    span = kept.spans()["chat"]
    assert span.status.status_code is status
    assert attributes.items() <= dict(span.attributes).items()
    assert "secret" not in repr([event.attributes for event in span.events])


def test_steps_are_nested_by_being_active_or_by_their_parent(kept: Kept) -> None:
    recorder = kept.recorder
    agent = started(recorder.start_step("invoke_agent", "internal", "helper"))
    with agent.active():
        tool = started(recorder.start_step("execute_tool", name="lookup", attributes={semconv.TOOL_CALL_ID: "7"}))
        with tool.active():
            started(recorder.start_call("chat", "mine", "m")).end()
        tool.raised(KeyError("k"))
    started(recorder.start_step("retrieval", "client", parent=agent)).end()
    started(recorder.start_call("embeddings", "mine", "e", parent=agent)).end()
    started(recorder.start_step("plan")).end()
    agent.end()
    found = kept.spans()
    above = {span.context.span_id: name for name, span in found.items()}
    assert {name: span.parent and above[span.parent.span_id] for name, span in found.items()} == {
        "chat m": "execute_tool lookup",
        "execute_tool lookup": "invoke_agent helper",
        "retrieval": "invoke_agent helper",
        "embeddings e": "invoke_agent helper",
        "plan": None,
        "invoke_agent helper": None,
    }
    assert found["retrieval"].kind is SpanKind.CLIENT
    assert found["execute_tool lookup"].kind is SpanKind.INTERNAL
    assert dict(found["execute_tool lookup"].attributes) == {
        semconv.OPERATION_NAME: "execute_tool",
        semconv.TOOL_NAME: "lookup",
        semconv.TOOL_CALL_ID: "7",
        semconv.ERROR_TYPE: "KeyError",
    }
    assert found["invoke_agent helper"].attributes[semconv.AGENT_NAME] == "helper"


def test_nothing_is_started_where_it_is_suppressed(kept: Kept) -> None:
    token = otel.attach(otel.set_value("suppress_instrumentation", True))
    try:
        assert kept.recorder.start_call("chat", "mine") is None
        assert kept.recorder.start_step("plan") is None
    finally:
        otel.detach(token)
    assert kept.spans() == {}


def inside(kept: Kept, model: str, attributes: dict[str, Any] | None = None, operation: str = "chat") -> None:
    started(kept.recorder.start_call(operation, "mine", model)).end(attributes)


def test_the_call_inside_that_has_usage_counts(kept: Kept) -> None:
    outer = started(kept.recorder.start_call("chat", "framework", "outer"))
    with kept.recorder.claim(outer):
        inside(kept, "inner", USED)
        inside(kept, "vectors", USED, "embeddings")  # of another kind: no part of it
    outer.end(USED)
    inside(kept, "after", USED)
    assert kept.roles() == {"chat inner": None, "embeddings vectors": None, "chat outer": "rollup", "chat after": None}


def test_without_usage_inside_the_claiming_span_counts(kept: Kept) -> None:
    outer = started(kept.recorder.start_call("chat", "framework", "outer"))
    with kept.recorder.claim(outer):
        inside(kept, "inner")
    outer.end(USED)
    assert kept.roles() == {"chat inner": "duplicate", "chat outer": None}


def test_a_stream_that_outlives_the_claiming_span_counts_where_that_had_no_usage(kept: Kept) -> None:
    for name, usage in (("a", None), ("b", USED)):
        outer = started(kept.recorder.start_call("chat", "framework", f"outer {name}"))
        with kept.recorder.claim(outer):
            inner = started(kept.recorder.start_call("chat", "mine", f"inner {name}"))
        outer.end(usage)
        inner.end(USED)
    assert kept.roles() == {
        "chat outer a": "rollup",
        "chat inner a": None,
        "chat outer b": None,
        "chat inner b": "duplicate",
    }


def test_claims_inside_claims_count_once(kept: Kept) -> None:
    agent = started(kept.recorder.start_call("chat", "framework", "one"))
    with kept.recorder.claim(agent):
        gateway = started(kept.recorder.start_call("chat", "gateway", "two"))
        with kept.recorder.claim(gateway):
            inside(kept, "three", USED)
        gateway.end(USED)
    agent.end(USED)
    assert kept.roles() == {"chat three": None, "chat two": "rollup", "chat one": "rollup"}


def test_a_claim_goes_along_with_the_context(kept: Kept) -> None:
    outer = started(kept.recorder.start_call("chat", "framework", "outer"))
    with kept.recorder.claim(outer):
        thread = threading.Thread(target=carry(inside), args=(kept, "thread", USED))
        thread.start()
        thread.join()

        async def task() -> None:
            await asyncio.create_task(asyncio.to_thread(inside, kept, "task", USED))

        asyncio.run(task())
    outer.end(USED)
    assert kept.roles() == {"chat thread": None, "chat task": None, "chat outer": "rollup"}


def test_only_calls_of_the_recorder_can_be_claimed(kept: Kept) -> None:
    with pytest.raises(TypeError, match="expected a call that start_call gave, got object"):
        kept.recorder.claim(object())  # type: ignore[arg-type]


CALLS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=0, max_size=4)


@given(CALLS, st.booleans(), st.randoms(use_true_random=False), st.sampled_from([own, foreign]))
def test_whatever_ends_first_a_claimed_call_counts_once(
    calls: list[tuple[bool, bool]], outer_has_usage: bool, dice: Any, provider: Callable[[], Any]
) -> None:
    kept = Kept(provider())
    outer = started(kept.recorder.start_call("chat", "framework", "outer"))
    inner = []
    with kept.recorder.claim(outer):
        for number, (has_usage, fails) in enumerate(calls):
            call = started(kept.recorder.start_call("chat", "mine", str(number)))
            inner.append((call, has_usage and not fails, fails))
    order = [(outer, outer_has_usage, False), *inner]
    dice.shuffle(order)
    for call, has_usage, fails in order:
        if fails:
            call.raised(Status())
        else:
            call.end(USED if has_usage else None)
    roles = kept.roles()
    outer_counts = roles.pop("chat outer") is None
    counted = [(used, fails) for call, used, fails in inner if roles[f"chat {inner_number(inner, call)}"] is None]
    if outer_counts:
        assert not any(used for used, _ in counted), "the same usage twice"
        assert all(fails for _, fails in counted), "a call inside counts beside the claiming span, and is no attempt"
    else:
        assert counted, "nobody counts"
        assert outer_has_usage <= any(used for used, _ in counted), "usage is lost"
    if not outer_has_usage and any(used for _, used, _ in inner):
        assert any(used for used, _ in counted), "usage is lost"


def inner_number(inner: list[Any], call: Any) -> int:
    return [item[0] for item in inner].index(call)
