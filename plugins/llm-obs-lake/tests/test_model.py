"""The lake against the store in memory, over writes and merges that hypothesis makes up."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core import semconv
from llm_obs_core.filter import And, Condition, Filter, Not, Or
from llm_obs_core.interfaces import (
    AggregateQuery,
    AggregateRow,
    Cursor,
    Reader,
    Scope,
    StoredTrace,
    TraceQuery,
    TraceSummary,
)
from llm_obs_core.model import Span, StatusCode
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.folder import Folder
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Upkeep
from llm_obs_testing.memory import MemoryReader, MemorySink
from llm_obs_testing.parts import make_parts, make_write
from llm_obs_testing.spans import make_span

TENANTS = ("a", "b")
BOTH = Scope(TENANTS, content=True)
MINUTE = 60_000_000_000
WORDS = st.sampled_from(["x", "y", "", "naïve 🙂"])
TEXTS = st.sampled_from(["same", '["same"]', '["same","other"]', "[1, 2]", "[", "é" * 300])
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    semconv.OPERATION_NAME: st.sampled_from(["chat", "embeddings", "execute_tool"]),
    semconv.PROVIDER_NAME: WORDS,
    semconv.REQUEST_MODEL: WORDS,
    semconv.RESPONSE_MODEL: WORDS,
    semconv.REQUEST_STREAM: st.booleans(),
    semconv.USER_ID: WORDS,
    semconv.CONVERSATION_ID: WORDS,
    semconv.APPLICATION: WORDS,
    semconv.USAGE_INPUT_TOKENS: st.integers(0, 99),
    semconv.USAGE_OUTPUT_TOKENS: st.integers(0, 99),
    semconv.USAGE_ROLE: st.sampled_from(["leaf", "rollup"]),
    semconv.COST_TOTAL_NANO_USD: st.integers(0, 10**12),
    semconv.RESPONSE_TIME_TO_FIRST_CHUNK: st.floats(0, 9),
    semconv.RESPONSE_FINISH_REASONS: st.lists(WORDS, max_size=2),
    semconv.ERROR_TYPE: WORDS,
    semconv.INPUT_MESSAGES: TEXTS,
    semconv.OUTPUT_MESSAGES: TEXTS,
    semconv.TOOL_CALL_RESULT: TEXTS,
}


@st.composite
def spans(draw: st.DrawFn, number: int) -> Span:
    return make_span(
        number,
        trace=draw(st.integers(1, 4)),
        parent=draw(st.sampled_from([None, 1, 2])),
        name=draw(WORDS),
        start_ns=draw(st.integers(0, 5)) * MINUTE // 2 + draw(st.integers(0, 2)),
        duration_ns=draw(st.sampled_from([0, 1, 10**9])),
        service=draw(st.sampled_from([None, "s", "t"])),
        status_code=draw(st.sampled_from(list(StatusCode))),
        attributes=draw(st.fixed_dictionaries({}, optional=ATTRIBUTES)),
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[bool, list[list[tuple[str, list[Span]]] | None]]:
    """Whether spans come again, and writes (parts by tenant) with merges (None) between them."""
    again = draw(st.booleans())
    number = 0
    steps: list[list[tuple[str, list[Span]]] | None] = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            steps.append(None)
        parts = []
        for tenant in draw(st.lists(st.sampled_from(TENANTS), unique=True)):
            made = []
            for _ in range(draw(st.integers(0, 5))):
                number += 1
                made.append(draw(spans(draw(st.integers(1, 5)) if again else number)))
            parts.append((tenant, made))
        steps.append(parts)
    return again, steps


CONDITIONS = st.one_of(
    st.builds(Condition, st.sampled_from(["provider", "model", "user_id", "finish_reason"]), st.just("eq"), WORDS),
    st.builds(Condition, st.just("service"), st.sampled_from(["eq", "ne"]), st.sampled_from(["s", "t"])),
    st.builds(Condition, st.sampled_from(["error_type", "user_id"]), st.just("exists"), st.booleans()),
    st.builds(Condition, st.just("trace.name"), st.just("contains"), WORDS),
    st.builds(Condition, st.just("trace.error_count"), st.sampled_from(["eq", "gt"]), st.just(0)),
    st.builds(Condition, st.just("trace.duration_ns"), st.sampled_from(["gte", "lte"]), st.integers(0, 10**9)),
    st.builds(Condition, st.just("trace.cost_nano_usd"), st.just("gte"), st.integers(0, 10**12)),
    st.builds(Condition, st.just("trace.total_tokens"), st.just("gte"), st.integers(0, 99)),
    st.builds(Condition, st.just("content"), st.just("contains"), TEXTS),
    st.builds(Condition, st.just("attributes.gen_ai.provider.name"), st.just("eq"), WORDS),
)
WHERE: st.SearchStrategy[Filter] = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        *(st.builds(kind, st.lists(inner, max_size=3).map(tuple)) for kind in (And, Or)),
    ),
    max_leaves=5,
)
TIMES = st.none() | st.integers(0, 4 * MINUTE)
FILTERS = st.builds(TraceQuery, WHERE, TIMES, TIMES)
QUERIES = st.builds(
    AggregateQuery,
    start_ns=st.none() | st.integers(0, 4 * MINUTE),
    end_ns=st.none() | st.integers(0, 4 * MINUTE),
    group_by=st.lists(
        st.sampled_from(["model", "service", "user_id", "stream", "minute_ns"]), unique=True, max_size=3
    ).map(tuple),
    interval_ns=st.none() | st.sampled_from([MINUTE, 2 * MINUTE]),
    filter=st.dictionaries(
        st.sampled_from(["model", "user_id", "stream"]),
        st.lists(st.none() | WORDS | st.booleans()).map(tuple),
        max_size=2,
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans(), FILTERS, QUERIES, st.integers(1, 3), st.sampled_from([0, 700, 2**26]))
def test_the_lake_answers_as_the_memory_does(
    plan: tuple[bool, list[list[tuple[str, list[Span]]] | None]],
    where: TraceQuery,
    query: AggregateQuery,
    first: int,
    held_bytes: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_compare(Path(folder), *plan, where, query, first, held_bytes))


async def _compare(
    folder: Path,
    again: bool,
    steps: Iterable[list[tuple[str, list[Span]]] | None],
    where: TraceQuery,
    query: AggregateQuery,
    first: int,
    held_bytes: int,
) -> None:
    options = LakeOptions(
        path=str(folder),
        merge_interval_s=3600,
        merge_segments=2,
        merge_max_rows=15,
        measures_memory_bytes=held_bytes,
    )
    lake, memory = LakeSink(options), MemorySink()
    await lake.start()
    reader, oracle = LakeReader(options), MemoryReader(memory.store)
    await reader.start()
    upkeep = Upkeep(Folder(folder), options, now_ns=lambda: 0)
    sequence = 1
    for step in steps:
        assert await _sums(reader, query) == await _sums(oracle, query)  # what is kept of it is asked again later
        if step is None:
            upkeep.round()
            continue
        parts = [
            part
            for number, (tenant, found) in enumerate(step, sequence)
            for part in make_parts(found, number, tenant=tenant, received_ns=sequence)
        ]
        for sink in (lake, memory):
            await sink.write(make_write(parts, sequence, sequence + 2))
        sequence += 3
    if again:  # partial summaries count a span that came again twice, until its segments are one
        upkeep.close()
        upkeep = Upkeep(Folder(folder), msgspec.structs.replace(options, merge_max_rows=99), now_ns=lambda: 10**18)
        upkeep.round()
    for filter in (TraceQuery(), where):
        assert await _walk(reader, filter, first) == await _walk(oracle, filter, 99)
    for number in range(1, 5):
        for tenant in TENANTS:
            assert await _trace(reader, tenant, number) == await _trace(oracle, tenant, number)
    assert await _sums(reader, query) == await _sums(oracle, query)
    await reader.stop()
    await lake.stop()
    upkeep.close()


async def _walk(reader: Reader, where: TraceQuery, first: int) -> list[TraceSummary]:
    found: list[TraceSummary] = []
    after: Cursor | None = None
    while True:
        page = await reader.find_traces(BOTH, where, first=first, after=after)
        found += page.traces
        if (after := page.next) is None:
            return found


async def _trace(reader: Reader, tenant: str, number: int) -> tuple[Any, ...] | None:
    found: StoredTrace | None = await reader.trace(Scope((tenant,), content=True), number.to_bytes(16, "big"))
    return None if found is None else (found.summary, found.spans)


async def _sums(reader: Reader, query: AggregateQuery) -> list[AggregateRow]:
    rows = (await reader.aggregate(BOTH, query)).rows
    return sorted(rows, key=lambda row: (repr(row.keys), row.bucket_ns or 0))
