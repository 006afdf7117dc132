"""One program, instrumented by each library in turn: what they sent, and that the collector makes the same of it all.

The attributes in `golden/instrumented.json` were recorded from the libraries' own releases over the imitation of the
OpenAI API, long texts and vectors shortened. The program: a chat call that wants a tool, the call after the tool, a
stream, a reasoning model with two choices and an image, embeddings, a refused call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llm_obs_collector.pipeline import Meaning
from llm_obs_core import plugins
from llm_obs_core.config import Config
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue

RECORDED = json.loads((Path(__file__).parent / "golden" / "instrumented.json").read_text(encoding="utf-8"))
MEANING = Meaning.configured(plugins.load(only=["genai", "bundled"]), Config())
START_NS = 1_793_000_000_000_000_000

OPENAI = [name for name in RECORDED if "langchain" not in name and "anthropic" not in name]
SYSTEM = "You answer shortly and kindly. "
ASKED = "how is the weather in Köln? mail jane.doe@mail.example.org"
CALL = {"type": "tool_call", "id": "call_70578c9bd4bf_0_0", "name": "weather"}
TOOLS = [
    {
        "type": "function",
        "name": "weather",
        "description": "says the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
IMAGE = {"type": "uri", "modality": "image", "uri": "https://example.org/a.png"}
PLAN = ("assistant", "Your plan please restart the device then open settings and choose.")
FOUND = "Network the refund was sent to your card today thank you for your patience let me know if anything else is unclear here is a short summary of what we found."  # noqa: E501
STREAMED = "Choose network the refund was sent to your card today thank you for your patience let me know if anything else is unclear here is a short summary of what we found so far the order."  # noqa: E501


def any_value(value: Any) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return AnyValue(**{kinds[type(value)]: value})


def meant(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The attributes of spans that came in one request, all of them roots at overlapping times."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, sent in enumerate(spans, 1):
        span = scope.spans.add(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"))
        span.start_time_unix_nano, span.end_time_unix_nano = START_NS, START_NS + number
        span.status.code = 2 if sent["error"] else 0
        for key, value in sent["attributes"].items():
            span.attributes.add(key=key).value.CopyFrom(any_value(value))
    batch = scan(message.SerializeToString(), keys=MEANING.keys)
    edits = Edits(batch)
    MEANING.apply(batch, edits)
    return [dict(span.attributes) for span in scan(emit(batch, edits)).spans()]


def said(found: dict[str, Any], name: str) -> list[tuple[Any, ...]]:
    """Messages as (role, part, part …), a text part as its text; what is null or the same everywhere left out."""
    roles = {"developer": "system"}
    return [
        (
            roles.get(message["role"], message["role"]),
            *(
                part["content"]
                if part["type"] == "text"
                else {key: value for key, value in part.items() if value is not None}
                for part in message["parts"]
            ),
        )
        for message in json.loads(found.get(name, "[]"))
    ]


def facts(found: dict[str, Any]) -> dict[str, Any]:
    usage = {
        key.removeprefix("gen_ai.usage."): value for key, value in found.items() if key.startswith("gen_ai.usage.")
    }
    return {
        "operation": found["gen_ai.operation.name"],
        "model": found.get("gen_ai.response.model") or found["gen_ai.request.model"],
        "tokens": (usage.get("input_tokens"), usage.get("output_tokens")),
        "cached, reasoning": (
            usage.get("cache_read.input_tokens") or 0,
            usage.get("reasoning.output_tokens") or 0,
        ),
        "cost": found.get("llm_obs.cost.total_nano_usd") or None,
        "input": said(found, "gen_ai.input.messages"),
        "output": said(found, "gen_ai.output.messages"),
        "role": found["llm_obs.usage.role"],
    }


def expected(library: str) -> list[dict[str, Any]]:
    asked = [("system", SYSTEM), ("user", ASKED)]
    two = [PLAN, PLAN]
    names = ("operation", "model", "tokens", "cached, reasoning", "cost", "input", "output", "role")
    rows: list[tuple[Any, ...]] = [
        (
            *("chat", "gpt-4o-mini-2024-07-18", (1618, 3), (1536, 0), 82 * 150 + 1536 * 75 + 3 * 600),
            *(asked, [("assistant", {**CALL, "arguments": {}})], "leaf"),
        ),
        (
            *("chat", "gpt-4o-mini-2024-07-18", (1627, 39), (1536, 0), 91 * 150 + 1536 * 75 + 39 * 600),
            [
                *asked,
                ("assistant", {**CALL, "arguments": {"city": "Köln"}}),
                ("tool", {"type": "tool_call_response", "id": CALL["id"], "response": "rain"}),
            ],
            *([("assistant", FOUND)], "leaf"),
        ),
        (
            *("chat", "gpt-4o-2024-08-06", (11, 45), (0, 0), 11 * 2500 + 45 * 10_000),
            *([("user", "stream please")], [("assistant", STREAMED)], "leaf"),
        ),
        (
            *("chat", "gpt-5-mini-2025-08-07", (43, 1314), (0, 1280), 43 * 250 + 1314 * 2000),
            *([("system", "think"), ("user", "what is this?", IMAGE)], two, "leaf"),
        ),
        (
            *("embeddings", "text-embedding-3-small", (5, None), (0, 0), 5 * 20),
            *([("user", "one text"), ("user", "two texts")], [], "leaf"),
        ),
        ("chat", "gpt-4o", (None, None), (0, 0), None, [("user", "no")], [], "leaf"),
    ]
    made = [dict(zip(names, row, strict=True)) for row in rows]
    if "genai-openai" in library or "logfire" in library:
        made[4]["input"] = []  # they do not record what is embedded
    if "langfuse" in library:
        made[4]["cost"] = None  # it names no provider, and the price table knows none by this model
    if "logfire" in library:  # a stream is two spans, and the answer's name is not looked at
        made[2]["model"] = "gpt-4o"
        opened = {**made[2], "tokens": (None, None), "cost": None, "output": []}
        made.insert(2, opened)
    return made


@pytest.mark.parametrize("library", OPENAI)
def test_every_library_says_the_same(library: str) -> None:
    found = meant(RECORDED[library])
    assert [facts(attributes) for attributes in found] == expected(library)


@pytest.mark.parametrize("library", RECORDED)
def test_nothing_of_a_conversation_is_left_outside_content(library: str) -> None:
    content = {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
    }
    for attributes in meant(RECORDED[library]):
        rest = json.dumps({key: value for key, value in attributes.items() if key not in content}, ensure_ascii=False)
        for words in (SYSTEM.strip(), "weather in K", "says the weather", "Network the refund", "restart the device"):
            assert words not in rest, rest


def test_tools_finish_reasons_and_answers_of_every_library() -> None:
    for library in OPENAI:
        first = meant(RECORDED[library])[0]
        assert [dict(sorted(tool.items())) for tool in json.loads(first["gen_ai.tool.definitions"])] in (
            [dict(sorted(TOOLS[0].items()))],
            [{"type": "function", "function": {key: TOOLS[0][key] for key in ("name", "description", "parameters")}}],
        )
        if "langfuse" not in library:
            assert first["gen_ai.response.finish_reasons"] == ["tool_call"]
            assert first["gen_ai.response.id"].startswith("chatcmpl-70578c9bd4bf")


def test_a_framework_over_the_client_counts_once_where_the_answer_has_an_id() -> None:
    (library,) = [name for name in RECORDED if "langchain" in name]
    found = meant(RECORDED[library])
    roles = [(attributes["llm_obs.usage.role"], "gen_ai.response.id" in attributes) for attributes in found]
    # client, framework; client, framework (a stream, whose id the framework does not say); client, framework
    assert roles[:2] == [("leaf", True), ("duplicate", True)]
    assert roles[2:4] == [("leaf", True), ("leaf", False)]
    assert roles[4:] == [("leaf", True), ("duplicate", True)]


def test_the_anthropic_client_itself() -> None:
    (library,) = [name for name in RECORDED if "anthropic" in name]
    call, stream, refused = meant(RECORDED[library])
    assert facts(call)["tokens"] == (1500, 9)
    # 200 uncached, 1000 read, 100 written for five minutes, 200 for an hour, at the prices of claude-3-5-haiku
    cost = 200 * 800 + 1000 * 80 + 100 * 1000 + 200 * 1600 + 9 * 4000
    assert call["llm_obs.cost.total_nano_usd"] == stream["llm_obs.cost.total_nano_usd"] == cost
    assert (call["gen_ai.response.finish_reasons"], stream["gen_ai.response.finish_reasons"]) == (
        ["tool_call"],
        ["stop"],
    )
    assert refused["error.type"] == "rate_limit_error"
    assert said(call, "gen_ai.output.messages") == [
        (
            "assistant",
            "it rains",
            {"type": "tool_call", "id": "toolu_1", "name": "weather", "arguments": {"city": "Bonn"}},
        )
    ]
