"""Generated filters over lakes of many segments, merged and not, against what the filter language says."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from lakes import DAY_NS, live, look_after, options
from llm_obs_core import semconv
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import And, Condition, Filter, Not, checked, fold_case, parse, text
from llm_obs_core.interfaces import (
    Question,
    Reader,
    Scope,
    SessionQuery,
    SinkPart,
    SpanQuery,
    TraceQuery,
)
from llm_obs_core.model import Span, StatusCode
from llm_obs_lake import content, find, verify
from llm_obs_lake import live as live_spans
from llm_obs_lake import spans as span_list
from llm_obs_lake.engine import Engine
from llm_obs_lake.gather import rows_at
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.contracts.both import Both, page_of
from llm_obs_testing.contracts.questions import Questions, known_values
from llm_obs_testing.memory import MemoryReader
from llm_obs_testing.parts import Annotation, make_annotations, make_parts, make_write
from llm_obs_testing.spans import START_NS, make_span

TENANTS = ("a", "b")
BOTH = Scope(TENANTS, content=True)
WORDS = ["x", "y", "Naïve 🙂", "STRASSE ẞ", "refund policy", "a%b_c", "'; --", "null\0byte", ""]
VALUES: list[Any] = ["x", "3", 3, 3.0, 2**53 + 1, True, False, ["x", 3, None], [], {"x": 3}, b"x", -1, 2.5]


def generated(dice: random.Random, number: int) -> Span:
    """A span of one of few traces, with anything in it."""

    def maybe(values: Sequence[Any]) -> Any:
        return dice.choice(values) if dice.random() < 0.6 else None

    attributes = {
        semconv.OPERATION_NAME: maybe(["chat", "chat", "execute_tool"]),
        semconv.REQUEST_MODEL: maybe(WORDS),
        semconv.RESPONSE_MODEL: maybe(WORDS),
        semconv.REQUEST_STREAM: maybe([True, False]),
        semconv.USER_ID: maybe(WORDS[:3]),
        semconv.CONVERSATION_ID: maybe(WORDS[:4]),
        semconv.USAGE_INPUT_TOKENS: maybe([0, 7, 2**40]),
        semconv.USAGE_OUTPUT_TOKENS: maybe([0, 7, 2**53 + 1]),
        semconv.COST_TOTAL_NANO_USD: maybe([0, 1, 2**53 + 1]),
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: maybe([0.5, 1.0]),
        semconv.ERROR_TYPE: maybe(["timeout", "", None]),
        semconv.INPUT_MESSAGES: maybe([f'["{word}"]' for word in ("same", "other", "REFUND Policy")] + ["plain ẞ"]),
        semconv.TOOL_CALL_RESULT: maybe(["result\nof two lines", "x" * 5_000 + " needle"]),
        "llm_obs.tags": maybe([["vip", "new"], "vip"]),
        "llm_obs.metadata.mixed": maybe(VALUES),
        "any": maybe(VALUES),
        "model": maybe(["an attribute that is called as a field is"]),
        "trace_id": maybe(["00"]),
    }
    return make_span(
        number,
        trace=dice.randrange(1, 30),
        parent=dice.choice([None, 1, 2]),
        name=dice.choice(WORDS[:-1]),
        start_ns=START_NS + dice.randrange(70) * 250_000_000,
        duration_ns=dice.choice([0, 1, 10**9]),
        service=dice.choice([None, "shop", "SHOP"]),
        status_code=dice.choice(list(StatusCode)),
        attributes={name: value for name, value in attributes.items() if value is not None},
    )


def said(dice: random.Random, spans: Sequence[Span]) -> list[Annotation]:
    """About some of the spans, their traces, and one that is not stored."""
    found = []
    for span in dice.sample(spans, min(3, len(spans))):
        one = Annotation.of(
            span,
            dice.choice(["score", "label"]),
            dice.choice([1, 2.5, "good", True, ["a", 1], None]),
            dice.randrange(3),
        )
        of_trace = msgspec.structs.replace(one, span_id=None)
        found += [one, of_trace] if dice.random() < 0.5 else [one]
    found.append(Annotation(bytes(15) + b"\xff", None, "score", "9"))
    return list({(one.trace_id, one.span_id, one.key): one for one in found}.values())


def plan(dice: random.Random, again: bool) -> Iterator[list[SinkPart]]:
    """Twelve writes; `again`: spans come again, with other facts."""
    number = 0
    for write in range(12):
        parts: list[SinkPart] = []
        for place, tenant in enumerate(TENANTS):
            made = []
            for _ in range(dice.randrange(1, 9)):
                number += 1
                made.append(generated(dice, dice.randrange(1, 60) if again else number))
            made = list({(span.trace_id, span.span_id): span for span in made}.values())
            sequence = write * 10 + 1 + place
            parts += make_parts(made, sequence, tenant=tenant, received_ns=DAY_NS)
            parts.append(make_annotations(said(dice, made), sequence, tenant=tenant, received_ns=DAY_NS))
        yield parts


@pytest.fixture(params=["apart", "merged", "again", "again and merged"])
def both(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    """A lake and the store in memory that hold the same; every bound of the lake is small."""
    monkeypatch.setattr(find, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(span_list, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(verify, "SPANS_AT_ONCE", 7)
    monkeypatch.setattr(span_list, "SPANS_AT_ONCE", 3)
    monkeypatch.setattr(live_spans, "_SCANNED", 2)
    monkeypatch.setattr(live_spans, "_LOOKED_UP", 3)
    again, merged = "again" in request.param, "merged" in request.param
    with asyncio.Runner() as runner:
        lake = options(tmp_path)
        both = Both(runner, LakeSink(lake), LakeReader(lake, first_rows=20))
        both.write(plan(random.Random(request.param), again))
        if merged:  # some segments, so that there are large and small ones
            look_after(tmp_path, merge_segments=3, merge_max_rows=25)
        assert len(live(tmp_path, "spans")) > 4
        runner.run(both.reader.start())
        yield both
        runner.run(both.reader.stop())
        runner.run(both.sink.stop())


def test_any_filter_means_what_the_language_says(both: Both, request: pytest.FixtureRequest) -> None:
    """Of spans always; of traces and sessions where no span came again, for summaries are then added up twice."""
    again = "again" in request.node.callspec.params["both"]
    store = both.oracle.store
    questions = Questions(7, known_values(everything(both)))
    found = 0
    for seed in range(45):
        where = questions.filter() if seed % 3 else questions.condition()
        if again and "trace." in text(where):
            continue
        start_ns, end_ns = questions.times()
        first = questions.first()
        spans, traces, sessions = (query(where, start_ns, end_ns) for query in (SpanQuery, TraceQuery, SessionQuery))
        listed = both.all(BOTH, spans)
        found += 0 < len(listed) < sum(map(len, store.traces.values()))
        if len(listed) <= 9 * first:
            assert both.walk(BOTH, spans, first) == listed, text(where)
        if again:  # also when a trace starts is out of the summaries
            traces = TraceQuery(where)
            assert ids(both.runner, both.reader, traces) == ids(both.runner, both.oracle, traces), text(where)
            continue
        for query in (traces, sessions):
            listed = both.all(BOTH, query)
            if len(listed) <= 9 * first:
                assert both.walk(BOTH, query, first) == listed, text(where)
    assert found > 10


def everything(both: Both) -> list[Any]:
    """Each trace's facts, from the store in memory."""
    alone = Both(both.runner, both.memory, MemoryReader(both.memory.store))
    alone.oracle = alone.reader
    return alone.everything(BOTH)


def ids(runner: asyncio.Runner, reader: Reader, query: TraceQuery) -> set[tuple[str, bytes]]:
    rows, _ = runner.run(page_of(reader, BOTH, query, 10_000, None))
    return {(row.tenant, row.trace_id) for row in rows}


def test_whole_spans_and_what_was_said(both: Both) -> None:
    """Beside their columns, of many traces at once."""

    async def whole(reader: Reader) -> Any:
        return (await reader.find_spans(BOTH, SpanQuery(), first=1_000, whole=True)).spans

    spans = both.ask(whole)
    assert len(spans) > 60
    traces = list({span.columns["trace_id"] for span in spans})
    assert len(both.annotations(BOTH, [*traces, bytes(16)]).rows) > 10
    for tenant in TENANTS:
        for trace_id in traces[:8]:
            both.trace(Scope((tenant,), content=True), trace_id)


async def test_case_is_folded_as_the_language_folds_it() -> None:
    """Every letter that there is."""
    letters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]
    with duckdb.connect() as db:
        found = db.execute("SELECT lower(unnest($letters))", {"letters": letters}).fetchall()
    assert [letter for letter, (lower,) in zip(letters, found, strict=True) if lower != fold_case(letter)] == []


@pytest.mark.parametrize(
    "where",
    [
        Condition("name", "gt", "\ud800"),
        Condition("name", "eq", "\ud800"),
        Condition("name", "ne", "\udfff"),
        Condition("name", "contains", "\ud800"),
        Condition("name", "search", "x \ud800"),
        Condition("attributes.\ud800", "exists", True),
        Not(Condition("annotations.\ud800", "eq", "\ud800")),
        Condition("content", "contains", "\ud800"),
        Condition("user_id", "in", tuple(f"user {number}" for number in range(1_000))),
        And(tuple(Condition(f"metadata.m{number}", "eq", number) for number in range(60))),
        Condition("name", "regex", "(?i)" + "|".join(string.ascii_letters)),
    ],
)
def test_odd_values_are_compared_or_refused(both: Both, where: Filter) -> None:
    for query in (TraceQuery(where), SpanQuery(where), SessionQuery(where)):
        ids = both.runner.run(page_of(both.reader, BOTH, query, 1_000, None))[0]
        assert len(ids) == len(both.runner.run(page_of(both.oracle, BOTH, query, 1_000, None))[0])


async def test_an_expression_that_the_engine_refuses_damages_nothing(tmp_path: Path) -> None:
    sink, reader = LakeSink(options(tmp_path)), LakeReader(options(tmp_path))
    await sink.start()
    await sink.write(make_write(make_parts([make_span(1)], 1)))
    await reader.start()
    opened: Any = reader._opened
    with pytest.raises(LlmObsError, match="an RE2 expression that the lake takes"):
        opened.engine.check_expression("(")
    page = await reader.find_traces(BOTH, TraceQuery(checked(Condition("name", "regex", "w.rk"))), first=5)
    assert page.coverage.damaged == ()
    await reader.stop()
    await sink.stop()


@pytest.fixture
async def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LakeReader, list[str]]]:
    """A reader of one segment, and the statements that it sends."""
    sink, reader = LakeSink(options(tmp_path)), LakeReader(options(tmp_path))
    await sink.start()
    spans = [
        make_span(number, attributes={semconv.INPUT_MESSAGES: f"{number} " + "long " * 20_000, "any": number})
        for number in range(1, 41)
    ]
    await sink.write(make_write(make_parts(spans, 1, tenant="a")))
    await sink.stop()
    statements: list[str] = []
    for name in ("rows", "table"):
        send = getattr(Engine, name)

        def record(self: Engine, statement: str, parameters: Any, send: Any = send) -> Any:
            statements.append(statement)
            return send(self, statement, parameters)

        monkeypatch.setattr(Engine, name, record)
    await reader.start()
    yield reader, statements
    await reader.stop()


@pytest.mark.parametrize(
    ("written", "most"),
    [
        ("", 2),
        ("trace.duration > 0 and trace.name contains w", 2),
        ("service = shop and not user_id = x and (name ~ k or error = true)", 2),
        ("trace_id starts_with 00", 2),
    ],
)
async def test_common_filters_read_no_more_than_they_need(
    watched: tuple[LakeReader, list[str]], written: str, most: int
) -> None:
    """Neither payloads nor messages, and no span is verified: the candidates, and their summaries."""
    reader, statements = watched
    page = await reader.find_traces(BOTH, TraceQuery(parse(written)), first=10)
    assert len(page.traces) == 10
    assert len(statements) == most
    assert not any(name in statement for statement in statements for name in ("otlp", "body"))
    if "service" not in written:
        assert "request_model" not in "".join(statements)


async def test_bodies_are_searched_some_at_a_time(
    watched: tuple[LakeReader, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = watched
    batches: list[int] = []

    def record(blobs: Any, segment: Any, rows: Sequence[int], column: str) -> Any:
        found = rows_at(blobs, segment, rows, column)
        batches.append(sum(len(body) for body in found.values()))
        return found

    monkeypatch.setattr(content, "rows_at", record)
    monkeypatch.setattr(content, "_BYTES_AT_ONCE", 350_000)
    for where in (parse("content search '7 long'"), Not(parse("content.input contains '3 LONG'"))):
        page = await reader.find_traces(BOTH, TraceQuery(where), first=100)
        assert 0 < len(page.traces) < 40
    assert len(batches) > 10
    assert max(batches) <= 350_000


async def test_it_says_what_it_holds(watched: tuple[LakeReader, list[str]], tmp_path: Path) -> None:
    reader, _ = watched
    about = reader.about()
    assert about.origin == {"test"}
    assert about.complete
    assert about.tiers == ("hot",)
    assert about.start_ns is None
    assert set(Question) - about.questions == {Question.LOGS}
    assert about.can(parse("content search a or annotations.b = 1"))
    kept = LakeReader(options(tmp_path, retention_days=2))
    await kept.start()
    ago_ns = time.time_ns() - (kept.about().start_ns or 0)
    assert 47 * 3_600 * 10**9 <= ago_ns <= 48 * 3_600 * 10**9
    await kept.stop()
