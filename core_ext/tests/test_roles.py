"""Calls that several spans of a request report: the roles of a batch against those of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core.normalizer.roles import MAX_COPIES, MAX_LEVELS
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.normalizer.roles import Call, settle
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

RULES = CompiledRules([])
OWN = {True: "leaf", False: None}


def request(calls: Sequence[Call]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for call in calls:
        span = scope.spans.add(
            trace_id=call.trace_id,
            span_id=call.span_id,
            parent_span_id=call.parent_id or b"",
            start_time_unix_nano=call.start_ns,
            end_time_unix_nano=call.end_ns,
        )

        def put(key: str, value: str, span=span) -> None:  # type: ignore[no-untyped-def]
            span.attributes.add(key=key).value.string_value = value

        if call.is_leaf:
            put("gen_ai.operation.name", "embeddings" if call.embeds else "chat")
        if call.is_given:
            put("llm_obs.usage.role", "leaf" if call.is_leaf else "rollup")
        if call.has_usage and call.is_leaf:
            span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 5
        if call.failed:
            put("error.type", "boom")
        if call.response_id:
            put("gen_ai.response.id", call.response_id)
    return message.SerializeToString()


def roles(calls: Sequence[Call]) -> list[object]:
    batch = scan(request(calls), keys=RULES.keys)
    edits = Edits(batch)
    RULES.apply(batch, edits)
    return [span.attributes.get("llm_obs.usage.role") for span in scan(emit(batch, edits)).spans()]


def expected(calls: Sequence[Call]) -> list[object]:
    changed = settle(calls)
    return [
        changed.get(number, "leaf" if call.is_leaf else "rollup" if call.is_given else None)
        for number, call in enumerate(calls)
    ]


def span(number: int, parent: int | None, trace: int = 1, **facts: object) -> Call:
    return Call(
        trace.to_bytes(16, "big"),
        number.to_bytes(8, "big"),
        None if parent is None else parent.to_bytes(8, "big"),
        **facts,  # type: ignore[arg-type]
    )


CALLS = st.lists(
    st.builds(
        span,
        st.integers(1, 6),
        st.one_of(st.none(), st.integers(1, 6)),
        trace=st.integers(1, 2),
        start_ns=st.integers(1, 6),
        end_ns=st.integers(1, 8),
        is_leaf=st.booleans(),
        is_given=st.sampled_from((False, False, False, True)),
        embeds=st.sampled_from((False, False, True)),
        has_usage=st.booleans(),
        failed=st.sampled_from((False, False, True)),
        response_id=st.sampled_from(("", "a", "b", "chatcmpl-123456789", "chatcmpl-123456780")),
    ),
    max_size=12,
)


@settings(max_examples=800, deadline=None)
@given(CALLS)
def test_roles_are_those_of_the_reference(calls: list[Call]) -> None:
    assert roles(calls) == expected(calls)


def test_a_framework_around_the_client() -> None:
    # chain > framework's call (usage) > client's call (usage)
    calls = [
        span(1, None),
        span(2, 1, is_leaf=True, has_usage=True),
        span(3, 2, is_leaf=True, has_usage=True),
        span(4, 1, is_leaf=True, has_usage=True),
    ]
    assert roles(calls) == expected(calls) == [None, "rollup", "leaf", "leaf"]


def test_attempts_inside_a_call_are_calls() -> None:
    calls = [
        span(1, None, is_leaf=True, has_usage=True),
        span(2, 1, is_leaf=True, failed=True),
        span(3, 1, is_leaf=True, has_usage=True),
    ]
    assert roles(calls) == ["rollup", "leaf", "leaf"]


def test_an_inner_call_that_nobody_counted() -> None:
    calls = [
        span(1, None, is_leaf=True, has_usage=True),
        span(2, 1),
        span(3, 2, is_leaf=True),
        span(4, 2, is_leaf=True, failed=True),
    ]
    assert roles(calls) == expected(calls) == ["leaf", None, "duplicate", "leaf"]


def test_embeddings_inside_a_call_are_their_own() -> None:
    calls = [span(1, None, is_leaf=True, has_usage=True), span(2, 1, is_leaf=True, embeds=True, has_usage=True)]
    assert roles(calls) == ["leaf", "leaf"]


def test_one_answer_in_two_traces() -> None:
    calls = [
        span(1, None, trace=1, is_leaf=True, has_usage=True, start_ns=10, end_ns=90, response_id="chatcmpl-1"),
        span(2, None, trace=2, is_leaf=True, has_usage=True, start_ns=20, end_ns=80, response_id="chatcmpl-1"),
        span(3, None, trace=3, is_leaf=True, has_usage=True, start_ns=91, end_ns=95, response_id="chatcmpl-1"),
    ]
    assert roles(calls) == expected(calls) == ["duplicate", "leaf", "leaf"]


@pytest.mark.parametrize("count", [MAX_COPIES, MAX_COPIES + 1])
def test_an_id_that_everybody_has_is_none(count: int) -> None:
    calls = [span(n + 1, None, is_leaf=True, start_ns=1, end_ns=2, response_id="cached") for n in range(count)]
    assert roles(calls) == expected(calls)
    assert roles(calls).count("duplicate") == (count - 1 if count <= MAX_COPIES else 0)


@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1])
def test_levels_are_bounded_and_circles_end(levels: int) -> None:
    chain = [span(1, levels + 1, is_leaf=True, has_usage=True)]
    chain += [span(n + 1, n) for n in range(1, levels)]
    chain += [span(levels + 1, levels, is_leaf=True, has_usage=True)]
    assert roles(chain) == expected(chain)
