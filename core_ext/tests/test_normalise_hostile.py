"""What a hostile sender may put into attributes that rules look into: bounded, the same as the reference, no crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core.interfaces.operations import MAX_DEPTH
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.normalizer import GenAiNormalizer, apply
from llm_obs_enrich.normalizer.jsontext import parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_values import add_attributes

BUILTIN = GenAiNormalizer().rules()
RULES = CompiledRules([BUILTIN])
LLM = {"openinference.span.kind": "LLM"}


def normalised(attributes: dict[str, Any]) -> dict[str, Any]:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    add_attributes(span, attributes)
    batch = scan(message.SerializeToString(), keys=RULES.keys)
    edits = Edits(batch)
    RULES.apply(batch, edits)
    (found,) = scan(emit(batch, edits)).spans()
    return dict(found.attributes)


def agree(attributes: dict[str, Any]) -> dict[str, Any]:
    found, expected = normalised(attributes), apply([BUILTIN], attributes)
    assert {key: meant(value) for key, value in found.items()} == {key: meant(value) for key, value in expected.items()}
    return found


def meant(value: Any) -> Any:
    said = parse(value) if isinstance(value, str) else None
    return said if isinstance(said, list | dict) else value


def test_numbers_order_and_gaps_close() -> None:
    texts = {0: "a", 7: "b", 999_999_999: "c"}
    found = agree(LLM | {f"llm.input_messages.{n}.message.content": text for n, text in texts.items()})
    said = json.loads(found["gen_ai.input.messages"])
    assert [message["parts"][0]["content"] for message in said] == ["a", "b", "c"]


@pytest.mark.parametrize("number", ["1000000000", "99999999999999999999", "-1", "01", "1e3", "", " 1", "１", "0x1"])
def test_what_is_no_number_stays(number: str) -> None:
    key = f"llm.input_messages.{number}.message.content"
    assert agree(LLM | {key: "x", "llm.input_messages.2.message.content": "y"})[key] == "x"


def test_a_thousand_flattened_attributes() -> None:
    flat = {f"gen_ai.prompt.{n % 400}.{('role', 'content', 'tool_calls.9.id')[n // 400]}": "user" for n in range(1000)}
    found = agree({"gen_ai.operation.name": "chat"} | flat)
    assert len(json.loads(found["gen_ai.input.messages"])) == 400
    assert not [key for key in found if key.startswith("gen_ai.prompt.")]


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 5000, 200_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"messages":', "}"), ('[{"content":', "}]")])
def test_depth(depth: int, opens: str, closes: str) -> None:
    text = opens * depth + '"x"' + closes * depth
    for attributes in ({"input.value": text}, {"output.value": text[:-1]}, {"llm.tools.0.tool.json_schema": text}):
        found = normalised(LLM | attributes)
        assert found["llm_obs.usage.role"] == "leaf"
        if depth <= 5000:
            agree(LLM | attributes)


NASTY = (
    '{"messages": [{"role": "user", "content": "' + "\\u0000" * 9 + '"}]}',
    '{"messages": null, "messages": [{"role": "tool", "role": "user", "content": 1, "content": "x"}]}',
    '{"messages":[{"ro\\u006ce":"user","cont\\u0065nt":"\\ud83d\\ude00\\ud800"}]}',
    '{"messages": [{"role": "user"}]} x',
    '{"messages": [{"role": "user", "content": "a',
    '{"id": 1e999, "service_tier": {"a": 1}, "choices": [1, {"message": {}}, null]}',
    '{"input": 18446744073709551616, "output": "2", "prompt_tokens": -0, "prompt_tokens_details": {"cached_tokens": 1.0'
    "}}",
    '{"model": "\\"\\\\\\n", "n": true, "stop": ["a", 1], "seed": "９", "temperature": 1e-400}',
    "\u2028\ufeff{}",
    "[" + ",".join(['{"role": "user"}'] * 5000) + "]",
    "[" + "{}," * 70 + "{}]",
    json.dumps({"role": "user", **{str(n): [] for n in range(63)}}),
    json.dumps({"role": "user", **{str(n): [] for n in range(64)}}),
    json.dumps([{"role": "a" * 3000, "content": [{"type": "t" * 3000}] * 3}]),
)
PLACES = (
    *("input.value", "output.value", "llm.invocation_parameters", "langfuse.observation.usage_details"),
    *("langfuse.observation.input", "langfuse.observation.output", "request_data", "response_data", "gen_ai.usage.raw"),
    *("ai.prompt", "ai.prompt.messages", "ai.prompt.tools", "ai.response.toolCalls", "ai.response.providerMetadata"),
    *("gen_ai.prompt", "gen_ai.completion", "gen_ai.response.finish_reasons", "llm.tools.0.tool.json_schema"),
    *("gen_ai.prompt.0.content", "llm.input_messages.0.message.content", "llm.output_messages.0.message.role"),
    *(
        "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments",
        "langfuse.observation.model.parameters",
    ),
)


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("kind", ["openinference.span.kind", "gen_ai.operation.name"])
def test_nasty_texts_everywhere(text: str, kind: str) -> None:
    for place in PLACES:
        agree({kind: "LLM" if kind.startswith("open") else "chat", place: text})


PIECES = st.sampled_from(
    (
        *(
            '{"messages":',
            '{"role":"user",',
            '"content":',
            '"parts":[',
            '{"type":"text","text":"x"}',
            "[",
            "]",
            "}",
            ",",
        ),
        *(
            '"',
            "\\",
            "\\u12",
            "\\ud800",
            "null",
            "-",
            "1e",
            "0",
            ":",
            " ",
            "\n",
            '"tool_calls":[',
            '"input":',
            "\x01",
            "é",
        ),
    )
)


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), st.lists(PIECES, max_size=12).map("".join), max_size=4))
def test_broken_texts_everywhere(attributes: dict[str, str]) -> None:
    agree(LLM | attributes)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([place for place in PLACES if place.count(".") > 2]),
        st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats()),
        max_size=6,
    )
)
def test_wrong_types(attributes: dict[str, Any]) -> None:
    found = normalised(LLM | attributes)
    assert found["gen_ai.operation.name"] == "chat"


def test_memory_stays_within_what_escapes_take() -> None:
    text = "\x01" * 200_000  # the worst: six bytes of JSON for one
    found = normalised(LLM | {"llm.input_messages.0.message.content": text})
    assert len(found["gen_ai.input.messages"]) < 6 * len(text) + 200
    assert json.loads(found["gen_ai.input.messages"])[0]["parts"][0]["content"] == text
