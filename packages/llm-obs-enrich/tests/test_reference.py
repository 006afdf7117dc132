"""What JSON text, messages and tools are in the reference, by example; core_ext is held to it elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core.interfaces.operations import MAX_DEPTH
from llm_obs_core.normalizer.forms import MAX_MEMBERS
from llm_obs_enrich.normalizer.forms import messages, texts, tools
from llm_obs_enrich.normalizer.jsontext import BEYOND, MISSING, clean, dump, find, parse


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(), st.lists, max_leaves=9))
def test_text_and_value_are_the_same(value: Any) -> None:
    assert parse(json.dumps(value)) == value
    assert parse(dump(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "-Infinity",
        "[1,]",
        "{'a': 1}",
        '{"a" 1}',
        "\ufeff1",
        "01",
        "1.",
        ".5",
        '"\n"',
        "[" * 300,
        "nul",
        "1 2",
    ],
)
def test_what_is_no_json(text: str) -> None:
    assert parse(text) is MISSING


def test_depth_numbers_and_doubles() -> None:
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not MISSING
    assert parse("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) is MISSING
    assert parse('"' + "[" * 999 + '"') == "[" * 999
    assert parse("[9223372036854775807, 9223372036854775808, 1e999, -1e999, 1" + "0" * 5000 + "]") == [
        2**63 - 1,
        float(2**63),
        BEYOND,
        -BEYOND,
        BEYOND,
    ]
    assert parse('{"a": 1, "b": 2, "a": 3}') == {"a": 3, "b": 2}


def test_halves_of_surrogate_pairs() -> None:
    half = parse('"a\\ud800b"')
    assert clean(half) == "a\ufffdb"
    assert dump(half) == '"a\\ud800b"'


def test_places() -> None:
    value = parse('{"a": [1, {"b": null, "c": false}]}')
    assert find(value, ("a", 1, "c")) is False
    for keys in (("a", 1, "b"), ("a", 2), ("a", -1), ("a", "b"), (0,), ("x",)):
        assert find(value, keys) is MISSING


def said(text: str, role: str = "") -> Any:
    return messages(parse(text), role)


@pytest.mark.parametrize(
    ("given_text", "parts"),
    [
        ('{"role": "user", "content": "hi"}', [{"type": "text", "content": "hi"}]),
        ('{"role": "user", "content": ""}', []),
        (
            '{"role": "assistant", "content": null, "refusal": "no"}',
            [{"type": "generic", "generic_type": "refusal", "content": "no"}],
        ),
        (
            '{"role": "user", "content": ["a", {"type": "input_text", "text": "b", "id": 1}, '
            '{"type": "odd", "x": 1}, 7]}',
            [
                {"type": "text", "content": "a"},
                {"type": "text", "content": "b", "id": 1},
                {"type": "odd", "x": 1},
                {"type": "text", "content": 7},
            ],
        ),
        (
            '{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", '
            '"arguments": "{\\"a\\": 1}"}}, {"toolCallId": "2", "toolName": "g", "args": "not json"}]}',
            [
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}},
                {"type": "tool_call", "id": "2", "name": "g", "arguments": "not json"},
            ],
        ),
        (
            '{"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, '
            '{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}',
            [
                {"type": "reasoning", "content": "hm", "signature": "s"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {}},
            ],
        ),
        (
            '{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text"}]}]}',
            [{"type": "tool_call_response", "id": "1", "response": [{"type": "text"}]}],
        ),
        (
            '{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]}',
            [{"type": "blob", "mime_type": "image/png", "modality": "image", "content": "QQ=="}],
        ),
        ('{"role": "model", "parts": [{"text": "hi"}]}', [{"type": "text", "content": "hi"}]),
    ],
)
def test_dialects_of_messages(given_text: str, parts: list[Any]) -> None:
    (message,) = said(given_text)
    assert message["parts"] == parts


def test_roles_reasons_and_what_has_no_place() -> None:
    assert said(
        '{"role": "developer", "content": "x", "name": "n", "finish_reason": "tool_calls", "audio": {"id": 1}}'
    ) == [
        {
            "role": "system",
            "parts": [{"type": "text", "content": "x"}],
            "name": "n",
            "finish_reason": "tool_call",
            "audio": {"id": 1},
        }
    ]
    assert said('{"role": "tool", "tool_call_id": "1", "content": "x"}') == [
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "x"}]}
    ]
    assert said('"hello"', "user") == [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]
    assert said("[]") == []


@pytest.mark.parametrize(
    "text", ['"hello"', "7", '{"content": "x"}', '[{"role": "user"}, 7]', '{"role": 1}', '[["x"]]']
)
def test_what_is_no_message_without_a_role(text: str) -> None:
    assert said(text) is None


def test_an_object_of_too_many_members_is_no_message() -> None:
    many = {"role": "user", **{str(n): n for n in range(MAX_MEMBERS)}}
    assert said(json.dumps(many)) is None
    del many["0"]
    assert said(json.dumps(many)) is not None


def test_tools_and_texts() -> None:
    function = {"type": "function", "function": {"name": "f", "parameters": {}}}
    flat = {"type": "function", "name": "f", "parameters": {}}
    assert tools(parse(json.dumps([function, json.dumps(function), {"name": "f", "input_schema": {}}, "x", 7]))) == [
        flat,
        flat,
        flat,
        "x",
        7,
    ]
    assert tools(parse('{"type": "web_search"}')) is None
    assert texts(["a", "b"]) == ["a", "b"]
    assert texts(["a", 1]) is None
