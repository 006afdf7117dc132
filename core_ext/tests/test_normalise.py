"""Rules applied to a batch against the same rules applied to a dict."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core import semconv
from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces import (
    Collect,
    Drop,
    Elapsed,
    EnumMap,
    Extract,
    Member,
    NormalizerRules,
    Operation,
    Place,
    Rename,
    Scale,
    Sum,
    When,
)
from llm_obs_core.model import AttributeValue
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.normalizer import GenAiNormalizer, apply
from llm_obs_enrich.normalizer.jsontext import parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_values import add_attributes

BUILTIN = GenAiNormalizer().rules()
Row = tuple[bool, dict[str, AttributeValue]]
START_NS = 1_795_000_000_000_000_000  # 2026-11-18T11:06:40Z
EVENTS = (("other", START_NS - 5), ("first", START_NS + 7_000_000_001), ("first", START_NS + 250_000_000))


def request(rows: list[Row]) -> bytes:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number, (is_root, attributes) in enumerate(rows):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=(number + 1).to_bytes(8, "big"))
        span.parent_span_id = b"" if is_root else b"p" * 8
        span.start_time_unix_nano = START_NS
        for name, time_ns in EVENTS:
            span.events.add(name=name, time_unix_nano=time_ns)
        add_attributes(span, attributes)
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
    expected = [
        apply(rules, attributes, is_root=is_root, start_ns=START_NS, events=EVENTS) for is_root, attributes in rows
    ]
    found = after(rules, rows)
    assert [plain(row) for row in found] == [plain(row) for row in expected]


def plain(row: dict[str, AttributeValue]) -> dict[str, object]:
    """Values by which two rows can be compared: JSON text by what it says, since who writes it chooses how."""
    return {key: meant(row[key]) for key in row}


def meant(value: object) -> object:
    match value:
        case str():
            said = parse(value)
            return value if not isinstance(said, list | dict) else ("JSON", meant(said))
        case list():
            return [meant(item) for item in value]
        case dict():
            return {key: meant(item) for key, item in value.items()}
    return repr(value)  # 1, 1.0 and True are three values


WORDS = ("chat", "stop", "x", "tool_calls", "", "é", "execute_tool", "a much longer word than the others are")
NAMES = st.sampled_from(
    (
        *(
            "role",
            "content",
            "parts",
            "type",
            "text",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "id",
            "input",
            "a",
        ),
        *("tool_call_id", "reasoning", "refusal", "finish_reason", "toolCallId", "image_url", "url", "uri", "b", "é"),
        *("function_call", "result", "output", "thinking", "input_schema", "parameters", 'q"uote', "args"),
    )
)
JSON_WORDS = st.sampled_from(
    (
        *("user", "tool", "developer", "stop", "tool_calls", "text", "tool_use", "tool-call", "tool_result", "image"),
        *(
            "image_url",
            "thinking",
            "function",
            "",
            "7",
            '{"a": [1]}',
            "[]",
            'é\n"\\/\u2028',
            "data:image/png;base64,QUJD",
        ),
        *('{"name": "f"}', "\x00", "😀", "https://example.org/a.png", "null", "1e3", "data:;base64,", "data:,x"),
    )
)
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.integers(0, 9),
        st.floats(allow_nan=False, allow_infinity=False),
        JSON_WORDS,
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=5)),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.one_of(st.sampled_from(("user", "tool", "assistant", "developer")), JSON)},
    optional={
        name: st.one_of(JSON_WORDS, st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=3), JSON)
        for name in ("content", "parts", "tool_calls", "tool_call_id", "name", "finish_reason", "refusal", "x")
    },
)


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """JSON text in any spelling, now and then spoilt."""
    value = draw(st.one_of(JSON, st.lists(MESSAGE, max_size=3), MESSAGE))
    spaces = draw(st.sampled_from(((",", ":"), (", ", ": "), (" ,\n", "\t:\r"))))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), separators=spaces)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(("", ",", "}", "]", '"', "\\", "\n", "0", "\\ud800"))) + text[at + 1 :]
    return text


INSTANTS = st.one_of(
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    st.sampled_from(
        (
            *("2026-11-18T11:06:40.5Z", '"2026-11-18T11:06:41+00:00"', "2026-11-18T13:06:40.1234567899+01:59"),
            *("2026-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
            *("2026-11-18T24:00:00Z", "2026-11-18T11:06:40.Z", "2026-11-18t11:06:40Z", "2026-11-18T11:06:40z"),
            *("2026-11-18T11:06:40", "2026-11-18T11:06:40+0100", "２026-11-18T11:06:40Z", "2026-13-01T00:00:00Z"),
        )
    ),
)
ANY = st.one_of(
    INSTANTS,
    json_texts(),
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
BUILTIN_KEYS = (
    *CompiledRules([BUILTIN]).keys.names,
    *(
        f"llm.input_messages.{n}.message.{rest}"
        for n in (0, 1)
        for rest in ("role", "content", "tool_calls.0.tool_call.id")
    ),
    *(f"gen_ai.completion.{n}.{rest}" for n in (0, 1) for rest in ("role", "content", "finish_reason")),
    *(f"llm.request.functions.0.{rest}" for rest in ("name", "parameters")),
    *("llm.tools.0.tool.json_schema", "retrieval.documents.0.document.metadata"),
)
BUILTIN_VALUES = st.one_of(
    ANY, st.sampled_from(VOCABULARY), st.lists(st.sampled_from(VOCABULARY), max_size=3), st.integers(-2, 9)
)


@settings(max_examples=250, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(), st.dictionaries(st.sampled_from(BUILTIN_KEYS), BUILTIN_VALUES, min_size=0, max_size=8)
        ),
        max_size=4,
    )
)
def test_the_builtin_rules_do_what_they_do_to_a_dict(rows: list[Row]) -> None:
    same([BUILTIN], rows)


KEYS = ("a", "b", "c", "gen_ai.operation.name", "gen_ai.response.finish_reasons", "gen_ai.usage.input_tokens")
KEY = st.sampled_from(KEYS)
FACTOR = st.one_of(st.integers(1, 10), st.integers(1, 2**53))
FORMS = ("value", "texts", "messages", "tools")
ROLES = ("", "user", "assistant")
STEP = st.one_of(st.sampled_from(("a", "b", "role", "content", "é", 'q"uote')), st.integers(0, 3))
PLACE = st.builds(Place, KEY, st.lists(STEP, max_size=3).map(tuple))
WHEN = st.lists(
    st.builds(When, PLACE, st.lists(st.sampled_from(WORDS), max_size=2).map(tuple), absent=st.booleans()), max_size=1
).map(tuple)
MEMBERS = (
    (
        Member("message.role", "role"),
        Member("message.content", "content", "parts"),
        Member("text", "content"),
        Member("calls.*.id", "tool_calls.id"),
        Member("calls.*.function.name", "tool_calls.name"),
        Member("calls.*.arguments", "tool_calls.arguments", "value"),
        Member("parts.*.type", "parts.type"),
        Member("parts.*.text", "parts.text"),
        Member("score", "score"),
    ),
    (Member("", "", "value"),),
    (Member("", "content"), Member("parts.*", "parts.text")),
)
COLLECTED = st.builds(
    lambda number, rest: f"m.{number}{rest}",
    st.one_of(st.integers(0, 3), st.sampled_from(("00", "999999999", "1000000000", "", "-1", "٣"))),
    st.sampled_from(
        (
            *(".message.role", ".message.content", ".text", ".calls.0.id", ".calls.1.id", ".calls.0.function.name"),
            *(".calls.2.arguments", ".calls.01.id", ".parts.0.type", ".parts.0.text", ".parts.1.text", ".score", ""),
            *(".parts.1", ".parts.999999999999", ".", ".calls..id", ".message", ".message.role.x"),
        )
    ),
)
OPERATION: st.SearchStrategy[Operation] = st.one_of(
    st.builds(
        Rename,
        KEY,
        st.lists(KEY, max_size=3).map(tuple),
        as_list=st.booleans(),
        when=WHEN,
    ),
    st.builds(
        EnumMap,
        KEY,
        KEY,
        st.dictionaries(st.sampled_from(WORDS), st.one_of(st.sampled_from(WORDS), st.booleans()), max_size=5),
        only_if_absent=st.booleans(),
        only_roots=st.booleans(),
        when=WHEN,
    ),
    st.builds(Scale, KEY, PLACE, FACTOR, FACTOR, integer=st.booleans(), when=WHEN),
    st.builds(
        Sum,
        KEY,
        PLACE,
        st.lists(PLACE, max_size=3).map(tuple),
        st.lists(PLACE, max_size=2).map(tuple),
        replace=st.booleans(),
        when=WHEN,
    ),
    st.builds(
        Collect, KEY, st.just("m."), st.sampled_from(MEMBERS), st.sampled_from(FORMS), st.sampled_from(ROLES), when=WHEN
    ),
    st.builds(
        Collect,
        KEY,
        st.just(""),
        st.just((Member("a", "content"), Member("b", "tool_calls", "value"), Member("c", "content"))),
        st.sampled_from(FORMS),
        st.sampled_from(ROLES),
        when=WHEN,
    ),
    st.builds(
        Extract,
        KEY,
        st.lists(PLACE, max_size=3).map(tuple),
        st.sampled_from(FORMS),
        st.sampled_from(ROLES),
        take=st.booleans(),
        replace=st.booleans(),
        when=WHEN,
    ),
    st.builds(Drop, st.lists(PLACE, max_size=2).map(tuple), when=WHEN),
    st.builds(Elapsed, KEY, event=st.sampled_from(("other", "first", "none")), when=WHEN),
    st.builds(Elapsed, KEY, instant=KEY, when=WHEN),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(OPERATION, max_size=6), max_size=3),
    st.lists(st.tuples(st.booleans(), st.dictionaries(st.one_of(KEY, COLLECTED), ANY, max_size=8)), max_size=4),
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


def test_seconds_to_an_event_and_to_an_instant() -> None:
    rules = [NormalizerRules(1, (Elapsed("a", event="first"), Elapsed("b", instant="at"), Elapsed("c", event="other")))]
    rows: list[Row] = [(True, {"at": '"2026-11-18T11:06:41.5Z"'}), (True, {"at": "2026-11-18T12:06:39+01:00"})]
    same(rules, rows)
    assert after(rules, rows) == [{"at": rows[0][1]["at"], "a": 0.25, "b": 1.5}, {"at": rows[1][1]["at"], "a": 0.25}]
    with pytest.raises(PluginError, match="an event or an instant"):
        CompiledRules([NormalizerRules(1, (Elapsed("a"),))])


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
        CompiledRules([NormalizerRules(1, (Scale("y", Place("x"), 1, 0),))])
