"""Content taken apart, against Python's json, base64 and hashlib."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any

import pytest
from arrow_reading import rows_of
from batch_properties import BatchProperties
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core.model import CONTENT_SLOTS, AttributeValue, Span
from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
from python_work import python_work

KEY = b"tenant key of 26 bytes ..."
LISTS = ("input", "output", "system", "tools", "documents")


# --- the oracle ------------------------------------------------------------------------------------------------------


def refuse(word: str) -> None:
    raise ValueError(word)


def elements(text: str) -> list[str] | None:
    """The texts of a JSON array's elements; None when it is not one."""
    strict = json.JSONDecoder(parse_constant=refuse, parse_int=str, parse_float=str)
    try:
        if not isinstance(strict.decode(text), list):
            return None
    except ValueError:
        return None
    found, at = [], text.index("[") + 1
    while True:
        while text[at] in " \t\n\r,":
            at += 1
        if text[at] == "]":
            return found
        _, end = strict.raw_decode(text, at)
        found.append(text[at:end])
        at = end


def plain(value: AttributeValue) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


def as_json(value: AttributeValue) -> str:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def bodies(slot: str, value: AttributeValue) -> list[str]:
    match value:
        case None:
            return []
        case str():
            items = elements(value) if slot in LISTS else None
            if items is None or (len(items) > 16 and len(value.encode()) < 16 * len(items)):
                return [value]
            return items
        case list() if slot in LISTS:
            return [as_json(item) for item in value]
    return [as_json(value)]


def messages(row: int, span: Span) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "slot": slot,
            "index": index,
            "digest": hashlib.blake2b(body.encode(), digest_size=16, key=KEY).digest(),
            "body": body,
        }
        for slot, (name, key) in enumerate(CONTENT_SLOTS)
        for index, body in enumerate(bodies(name, span.attributes.get(key)))
    ]


def check(batch: SpanBatch) -> None:
    contents = batch.contents(KEY)
    expected = [message for row, span in enumerate(batch.spans()) for message in messages(row, span)]
    assert rows_of(contents.columns()) == expected
    assert len(contents) == len(expected)


class TestContents(BatchProperties):
    check = staticmethod(check)


# --- any text --------------------------------------------------------------------------------------------------------


def one_span(text: str, key: str = "gen_ai.input.messages", spans: int = 1) -> SpanBatch:
    message = Request()
    scope = message.resource_spans.add().scope_spans.add()
    for n in range(spans):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(n + 1).to_bytes(8, "big"))
        span.attributes.add(key=key).value.string_value = text
    return scan(message.SerializeToString())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES), st.booleans(), st.sampled_from([None, 1, "\t"]), st.data())
def test_any_array_whole_and_damaged(values: list[Any], ascii_: bool, indent: Any, data: st.DataObject) -> None:
    text = json.dumps(values, ensure_ascii=ascii_, indent=indent)
    check(one_span(text))
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(at + 3, len(text))))
    damage = data.draw(st.text(st.sampled_from('[]{}",:\\/ \n\x00\x1fu0123456789abcdefAFg-+.eEtrufalsn é'), max_size=3))
    check(one_span(text[:at] + damage + text[end:]))


@settings(max_examples=1000, deadline=None)
@given(st.text(st.sampled_from('[]{}",:\\ \n\x1fu01e-+.ntrue'), max_size=14))
def test_any_text_in_an_array(text: str) -> None:
    check(one_span(f"[{text}]"))


@pytest.mark.parametrize(
    "text", ["", " ", "[", "]", "[]", " [ ] ", "[1]x", "x[1]", "[1,]", "[,1]", '["\\ud800"]', '["\x7f"]']
)
def test_texts(text: str) -> None:
    check(one_span(text))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 255, 256, 257, 100_000])
def test_digests_of_every_length(size: int) -> None:
    check(one_span("x" * size, key="gen_ai.retrieval.query.text"))


@pytest.mark.parametrize("size", [16, 17, 63, 64])
def test_digests_with_every_key(size: int) -> None:
    (row,) = rows_of(one_span("text").contents(bytes(range(size))).columns())
    assert row["digest"] == hashlib.blake2b(b"text", digest_size=16, key=bytes(range(size))).digest()


@pytest.mark.parametrize("key", [b"", b"x" * 15, b"x" * 65])
def test_wrong_keys(key: bytes) -> None:
    with pytest.raises(ValueError, match="16 to 64 bytes"):
        one_span("text").contents(key)


def test_elements_keep_their_bytes() -> None:
    rows = rows_of(one_span(' [ {"a" : 1.0e5} ,\n"\\u00e9é" ] ').contents(KEY).columns())
    assert [row["body"] for row in rows] == ['{"a" : 1.0e5}', '"\\u00e9é"']


def test_texts_that_are_no_lists_of_messages_stay_whole() -> None:
    for key in ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.query.text"):
        assert [row["body"] for row in rows_of(one_span("[1, 2]", key).contents(KEY).columns())] == ["[1, 2]"]


def test_an_array_of_tiny_elements_stays_whole() -> None:
    assert len(one_span("[" + "1," * 15 + "1]").contents(KEY)) == 16
    assert len(one_span("[" + "1," * 16 + "1]").contents(KEY)) == 1
    assert len(one_span("[" + ",".join(["1" * 20] * 5000) + "]").contents(KEY)) == 5000


def test_deep_texts_stay_whole() -> None:
    deep = one_span("[" * 1024 + "]" * 1024).contents(KEY)
    assert [row["body"] for row in rows_of(deep.columns())] == ["[" * 1023 + "]" * 1023]
    deeper = one_span("[" * 1025 + "]" * 1025).contents(KEY)
    assert [row["body"] for row in rows_of(deeper.columns())] == ["[" * 1025 + "]" * 1025]
    assert len(one_span("[" * 100_000).contents(KEY)) == 1


def test_a_table_that_does_not_know_content_is_refused() -> None:
    batch = scan(one_span("[]").otlp(), keys=KeyTable(["a"]))
    with pytest.raises(ValueError, match=r"gen_ai\.input\.messages"):
        batch.contents(KEY)


def test_no_spans() -> None:
    assert rows_of(scan(b"").contents(KEY).columns()) == []


def test_no_python_runs_per_span() -> None:
    few, many = (one_span('[{"role":"user"},{"role":"assistant"}]', spans=spans) for spans in (16, 4096))
    assert python_work(lambda: few.contents(KEY).columns()) == python_work(lambda: many.contents(KEY).columns())
