"""The filter language: what is wrong is named, the written form is read back, and it means what it says."""

from __future__ import annotations

import random

import pytest
from llm_obs_core.errors import LimitError, LlmObsError
from llm_obs_core.filter import (
    FIELDS,
    OPERATORS_OF,
    And,
    Condition,
    Facts,
    FieldType,
    Filter,
    Not,
    Operator,
    Or,
    Scalar,
    checked,
    field_of,
    fold_case,
    meets,
    meets_any,
    parse,
    simplified,
    text,
)
from llm_obs_core.model import SPAN_COLUMNS

NAMES = [
    *(field.name for field in FIELDS),
    *("attributes.a.b", 'attributes.my "key"', "resource.x y", "metadata.team", "annotations.score.helpfulness"),
]
TEXTS = ["", "a", "gpt-4o", "it's", 'say "x"', "back\\slash", "日本 🙂", "two words", "true", "1.5", "(a, b)", "\n\x00"]


def scalar(chance: random.Random, kind: FieldType) -> Scalar:
    if kind is FieldType.VALUE:
        kind = chance.choice([FieldType.TEXT, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.VALUE])
    match kind:
        case FieldType.INTEGER:
            return chance.choice([0, -1, 2**63 - 1, -(2**63), chance.randrange(10**6)])
        case FieldType.BOOLEAN:
            return chance.random() < 0.5
        case FieldType.ID:
            return chance.choice(["", "0af3", "f" * 32])
        case FieldType.VALUE:
            return chance.choice([0.0, -1.5, 1e300, 0.1, chance.random()])
        case _:
            return chance.choice(TEXTS)


def condition(chance: random.Random) -> Condition:
    name = chance.choice(NAMES)
    kind = field_of(name).type
    op: Operator = chance.choice(OPERATORS_OF[kind])
    if op == "exists":
        return Condition(name, op, chance.random() < 0.5)
    if op == "in":
        return Condition(name, op, tuple(scalar(chance, kind) for _ in range(chance.randrange(4))))
    if op == "regex":
        return Condition(name, op, chance.choice(["a.c", "^x$", r"\d+", "(?i)a|b"]))
    if op in ("contains", "starts_with", "ends_with", "search") and kind is FieldType.VALUE:
        kind = FieldType.TEXT
    value = scalar(chance, kind)
    return Condition(name, op, 7 if isinstance(value, bool) and op in ("gt", "gte", "lt", "lte") else value)


def tree(chance: random.Random, depth: int = 4) -> Filter:
    shape = chance.random() if depth else 1.0
    if shape < 0.5:
        items = tuple(tree(chance, depth - 1) for _ in range(chance.randrange(4)))
        return And(items) if shape < 0.25 else Or(items)
    return Not(tree(chance, depth - 1)) if shape < 0.65 else condition(chance)


@pytest.mark.parametrize("seed", range(1_000))
def test_the_written_form_is_read_back(seed: int) -> None:
    where = checked(tree(random.Random(seed)))
    written = text(where)
    assert parse(written) == simplified(where)
    assert text(parse(written)) == written


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", And()),
        ("none", Or()),
        ("model = gpt-4o", Condition("model", "eq", "gpt-4o")),
        ("Cost > 1", None),
        ("cost > 0.01", Condition("cost_nano_usd", "gt", 10_000_000)),
        ("trace.duration >= 2.5", Condition("trace.duration_ns", "gte", 2_500_000_000)),
        ("duration_ns < 150ms", Condition("duration_ns", "lt", 150_000_000)),
        ("start_ns >= 2026-01-31T12:00:00Z", Condition("start_ns", "gte", 1_769_860_800_000_000_000)),
        ("user_id = 42", Condition("user_id", "eq", "42")),
        ("metadata.n = 42", Condition("metadata.n", "eq", 42)),
        ("metadata.n = '42'", Condition("metadata.n", "eq", "42")),
        ("metadata.n = 4.5", Condition("metadata.n", "eq", 4.5)),
        ("metadata.v = v1", Condition("metadata.v", "eq", "v1")),
        ("user_id not exists", Condition("user_id", "exists", False)),
        ("not user_id exists", Not(Condition("user_id", "exists", True))),
        ("trace_id starts_with 0AF3", Condition("trace_id", "starts_with", "0af3")),
        ("user_id not in (a, 'b c')", Not(Condition("user_id", "in", ("a", "b c")))),
        (
            "error = true and (tool = x OR tool = y) and not stream = TRUE",
            And(
                (
                    Condition("error", "eq", True),
                    Or((Condition("tool", "eq", "x"), Condition("tool", "eq", "y"))),
                    Not(Condition("stream", "eq", True)),
                )
            ),
        ),
    ],
)
def test_what_people_write(written: str, expected: Filter | None) -> None:
    if expected is None:
        with pytest.raises(LlmObsError):
            parse(written)
    else:
        assert parse(written) == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("mdel = 3", r"got 'mdel' \(at filter, character 1\)"),
        ("model = a and", r"expected a field.*got the end \(at filter, character 14\)"),
        ("model =", r"expected a value, got the end"),
        ("(model = a", r"expected and, or, or \), got the end"),
        ("model = a b", r"got 'b' \(at filter, character 11\); put texts with spaces between quotation marks"),
        ("cost search x", r"an operator that fits cost_nano_usd \(integer\): =, !=.*got 'search'"),
        ("model eq a", r"an operator that fits model .*got 'eq'"),
        ("span_count = 1", "got 'span_count'"),
        ("trace.colour = 1", "expected a field out of: trace.trace_id.*got 'trace.colour'"),
        ("cost > 0.0000000001", "a whole number for cost_nano_usd when it is multiplied out"),
        ("duration > soon", r"a number for duration_ns, which may have a unit \(ns us ms s m h\), got 'soon'"),
        ("start_ns > 2026-01-31T12:00", "a time such as"),
        ("stream = yes", "true or false for stream, got 'yes'"),
        ("name ~ '(?=x)'", "an RE2 expression"),
        ('name = "open', r"a closed quotation, got '\"open' \(at filter, character 8\)"),
        (r'name = "\x"', "a quotation with the escapes of JSON"),
        ("attributes.gen_ai.input.messages exists", r"messages are the field content.input"),
        ("not " * 50 + "model = a", "at most 32"),
        ("(" * 50 + "model = a", "at most 32"),
        ("model = a or " * 300 + "model = a", "at most 256 conditions"),
        ("x" * 100_000, "at most 65536 characters"),
    ],
)
def test_what_is_wrong_with_a_text_is_named(written: str, message: str) -> None:
    with pytest.raises(LlmObsError, match=message):
        parse(written)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (
            And((Or((Condition("model", "eq", 3),)),)),
            r"expected text for model, got 3 \(at filter.and\[0\].or\[0\].value",
        ),
        (And((Condition("a", "eq", 3),)), r"got 'a' \(at filter.and\[0\].field\)"),
        (Not(Condition("trace_id", "gt", "0a")), r"got gt \(at filter.not.op\)"),
        (Condition("trace_id", "eq", "xyz"), "hexadecimal digits"),
        (Condition("user_id", "in", "a"), "expected a list of values"),
        (Condition("user_id", "in", ("a", 1)), r"expected text for user_id, got 1 \(at filter.value\[1\]\)"),
        (Condition("user_id", "eq", ("a",)), "use `in` for a list"),
        (Condition("user_id", "exists", 1), "expected true or false, got 1"),
        (Condition("input_tokens", "eq", True), "a whole number"),
        (Condition("input_tokens", "gt", 2**63), "a whole number of 64 bits"),
        (Condition("metadata.x", "eq", float("nan")), "text, a number, true or false"),
        (Condition("metadata.x", "gt", True), "text or a number"),
        (Condition("user_id", "in", ("a",) * 2_000), "at most 1000 values"),
    ],
)
def test_what_is_wrong_with_a_tree_is_named(where: Filter, message: str) -> None:
    with pytest.raises(LlmObsError, match=message):
        checked(where)


def test_a_deep_tree_is_refused() -> None:
    where: Filter = Condition("model", "eq", "a")
    for _ in range(100_000):
        where = Not(where)
    with pytest.raises(LimitError, match="deep"):
        checked(where)
    while isinstance(where, Not):  # unwound here, so that nothing recurses when it is freed
        where = where.item


def test_content_is_searched_only_by_who_may_see_it() -> None:
    assert checked(parse("content exists"), content=False)
    for written in ("content search x", "content.input regex a", "not (model = a or content contains x)"):
        with pytest.raises(LlmObsError, match="a key that may see content"):
            parse(written, content=False)


COLUMNS = {column.name: None for column in SPAN_COLUMNS} | {
    "trace_id": b"\x0a" * 16, "span_id": b"\x0b" * 8, "name": "Ask ÄRGER", "status_code": 0, "input_tokens": 10,
    "request_model": "gpt-4o", "stream": True,
}  # fmt: skip
SPAN = Facts(
    COLUMNS,
    attributes={
        "n": 3,
        "x": 1.5,
        "list": ["a", 2, None],
        "yes": True,
        "map": {"a": 1},
        "bytes": b"\xab",
        "llm_obs.tags": ["vip", "new"],
    },
    resource={"host": "h1"},
    content=(("input", '{"text":"A Refund, please"}'), ("output", "No policy.")),
    annotations=(("score", 5), ("label", ["good", "short"]), ("label", "odd")),
)
TRACE = {"cost_nano_usd": None, "span_count": 2}


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("trace_id = 0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A", True),
        ("trace_id starts_with 0a0", True),
        ("name contains ärger", True),
        ("name starts_with ASK and name ends_with 'är'", False),
        ("name ~ 'Ä.*R$'", True),
        ("name search 'ärger ask'", True),
        ("model = gpt-4o", True),
        ("user_id != a", False),
        ("not user_id = a", True),
        ("user_id not exists", True),
        ("user_id in ()", False),
        ("input_tokens in (9, 10)", True),
        ("stream = true and error = false", True),
        ("attributes.n = 3 and attributes.n < 3.5 and attributes.n >= 3.0", True),
        ("attributes.n = '3'", False),
        ("attributes.n != '3'", False),
        ("attributes.yes = 1", False),
        ("attributes.yes = true", True),
        ("attributes.list = a and attributes.list = 2", True),
        ("attributes.list != a", False),
        ("tags != vip", True),
        ("attributes.map exists and not attributes.map != 1", True),
        ("attributes.bytes = ab", False),
        ("attributes.bytes exists", True),
        ("attributes.nothing exists", False),
        ("tags in (vip)", True),
        ("resource.host starts_with H", True),
        ("content search 'please refund'", True),
        ("content search 'refund policy'", False),
        ("content.output contains refund", False),
        ("content.tools exists", False),
        ("annotations.score > 4 and annotations.label = short and annotations.label = odd", True),
        ("annotations.score = '5'", False),
        ("trace.span_count = 2 and not trace.cost >= 0", True),
    ],
)
def test_what_a_filter_means(written: str, holds: bool) -> None:
    assert meets(parse(written), SPAN, TRACE) is holds


def test_conditions_on_a_trace_are_met_by_any_span() -> None:
    other = Facts(COLUMNS | {"user_id": "a", "name": "other"})
    where = parse("user_id = a and name contains ask")
    assert not meets(where, SPAN, TRACE)
    assert not meets(where, other, TRACE)
    assert meets_any(where, [SPAN, other], TRACE)
    assert not meets_any(parse("not user_id = a"), [SPAN, other], TRACE)
    assert meets_any(parse("trace.span_count = 2"), [], TRACE)


def test_case_is_folded_code_point_by_code_point() -> None:
    assert fold_case("İΣAẞ日") == "iσaß日"
