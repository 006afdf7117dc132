"""Rules applied to a batch against the same rules applied to a dict."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core import semconv
from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces import EnumMap, NormalizerRules, Operation, Rename, Scale
from llm_obs_core.model import AttributeValue
from llm_obs_core.normalizer import GenAiNormalizer, apply
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

BUILTIN = GenAiNormalizer().rules()
Row = tuple[bool, dict[str, AttributeValue]]


def fill(target: AnyValue, value: AttributeValue) -> None:
    match value:
        case None:
            pass
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case list():
            target.array_value.SetInParent()
            for item in value:
                fill(target.array_value.values.add(), item)
        case _:
            raise AssertionError(value)


def request(rows: list[Row]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, (is_root, attributes) in enumerate(rows):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"))
        span.parent_span_id = b"" if is_root else b"p" * 8
        for key, value in attributes.items():
            entry = span.attributes.add(key=key)
            entry.value.SetInParent()
            fill(entry.value, value)
    return message.SerializeToString()


def after(rules: list[NormalizerRules], rows: list[Row]) -> list[dict[str, AttributeValue]]:
    compiled = CompiledRules(rules)
    batch = scan(request(rows), keys=compiled.keys)
    edits = Edits(batch)
    compiled.apply(batch, edits)
    body = emit(batch, edits)
    assert ExportTraceServiceRequest.FromString(body).SerializeToString() == body
    return [dict(span.attributes) for span in scan(body).spans()]


def same(rules: list[NormalizerRules], rows: list[Row]) -> None:
    expected = [apply(rules, attributes, is_root=is_root) for is_root, attributes in rows]
    found = after(rules, rows)
    assert found == expected
    assert [{key: repr(row[key]) for key in row} for row in found] == [
        {key: repr(row[key]) for key in row} for row in expected
    ]


WORDS = ("chat", "stop", "x", "tool_calls", "", "é", "execute_tool", "a much longer word than the others are")
ANY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 5000),
    st.floats(allow_nan=False),
    st.sampled_from(WORDS),
    st.text(max_size=200),
    st.binary(max_size=3),
    st.lists(st.one_of(st.sampled_from(WORDS), st.none(), st.integers(0, 300), st.lists(st.just("stop"))), max_size=3),
)
VOCABULARY = sorted(
    {word for operation in BUILTIN.operations if isinstance(operation, EnumMap) for word in operation.mapping}
    | set(semconv.OPERATIONS)
)
BUILTIN_VALUES = st.one_of(
    ANY, st.sampled_from(VOCABULARY), st.lists(st.sampled_from(VOCABULARY), max_size=3), st.integers(-2, 9)
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(), st.dictionaries(st.sampled_from(semconv.KNOWN_KEYS), BUILTIN_VALUES, min_size=0, max_size=8)
        ),
        max_size=4,
    )
)
def test_the_builtin_rules_do_what_they_do_to_a_dict(rows: list[Row]) -> None:
    same([BUILTIN], rows)


KEYS = ("a", "b", "c", "gen_ai.operation.name", "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens")
KEY = st.sampled_from(KEYS)
FACTOR = st.one_of(st.integers(1, 10), st.integers(1, 2**53))
OPERATION: st.SearchStrategy[Operation] = st.one_of(
    st.builds(
        Rename,
        KEY,
        st.lists(KEY, max_size=3).map(tuple),
        as_list=st.booleans(),
        when=st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
    ),
    st.builds(
        EnumMap,
        KEY,
        KEY,
        st.dictionaries(st.sampled_from(WORDS), st.one_of(st.sampled_from(WORDS), st.booleans()), max_size=5),
        only_if_absent=st.booleans(),
        only_roots=st.booleans(),
    ),
    st.builds(Scale, KEY, KEY, FACTOR, FACTOR, integer=st.booleans()),
)


@settings(max_examples=600, deadline=None)
@given(
    st.lists(st.lists(OPERATION, max_size=6), max_size=3),
    st.lists(st.tuples(st.booleans(), st.dictionaries(KEY, ANY, max_size=6)), max_size=4),
)
def test_any_rules_do_what_they_do_to_a_dict(operations: list[list[Operation]], rows: list[Row]) -> None:
    same([NormalizerRules(1, tuple(item)) for item in operations], rows)


def test_more_rules_than_a_machine_word_has_bits() -> None:
    chain = [Rename(f"key{n + 1}", (f"key{n}",)) for n in range(200)]
    back = [Rename(f"back{n}", (f"back{n + 1}",)) for n in range(200)]  # none sees what a later one sets
    rows: list[Row] = [(True, {"key0": "x", "back200": 1}), (True, {}), (True, {"key150": 2.5})]
    rules = [NormalizerRules(1, (*chain, *back))]
    same(rules, rows)
    assert after(rules, rows)[0]["key200"] == "x"


def test_changes_that_are_in_the_edits_are_seen() -> None:
    compiled = CompiledRules([NormalizerRules(1, (Rename("b", ("a",)), Rename("d", ("c",)), Rename("f", ("e",))))])
    batch = scan(request([(True, {"a": "old", "c": "gone"})]), keys=compiled.keys)
    edits = Edits(batch)
    edits.set(0, b"a", "new")
    edits.remove(0, b"c")
    edits.set(0, b"e", 7)
    edits.set(0, b"f", 8)
    edits.remove(0, b"f")
    compiled.apply(batch, edits)
    (span,) = scan(emit(batch, edits)).spans()
    assert span.attributes == {"a": "new", "b": "new", "e": 7, "f": 7}


def test_a_value_that_a_sender_wrote_is_scanned_for_secrets_and_a_word_of_ours_is_not() -> None:
    rules = [NormalizerRules(1, (Rename("list", ("text",), as_list=True), EnumMap("word", "text", {"secret": "ours"})))]
    compiled = CompiledRules(rules)
    batch = scan(request([(True, {"text": "secret"})]), keys=compiled.keys)
    edits = Edits(batch)
    compiled.apply(batch, edits)
    starts, ends, buffer = edits.texts()
    assert [bytes(buffer[start:end]) for start, end in zip(starts, ends, strict=True)] == [b"secret"]


def test_versions_add_up_and_misuse_is_refused() -> None:
    first, second = NormalizerRules(3, (Rename("y", ("x",)),)), NormalizerRules(4, ())
    compiled = CompiledRules([first, second])
    assert compiled.version == 7
    assert compiled.keys.id("x") > len(semconv.KNOWN_KEYS)
    batch = scan(request([(True, {})]))
    with pytest.raises(ValueError, match=r"CompiledRules\.keys"):
        compiled.apply(batch, Edits(batch))
    with pytest.raises(ValueError, match="of this batch"):
        CompiledRules([]).apply(batch, Edits(scan(request([(True, {})]))))
    with pytest.raises(PluginError, match="denominator"):
        CompiledRules([NormalizerRules(1, (Scale("y", "x", 1, 0),))])
