"""The store in memory, through its sink and its reader."""

from __future__ import annotations

import struct

import pytest
from llm_obs_core.errors import LlmObsError, StoreError
from llm_obs_core.interfaces import AggregateQuery, Cursor, Reader, Scope, Sink, StoredAnnotation, TraceQuery
from llm_obs_core_ext.scan import scan
from llm_obs_testing.arrow import decode, encode
from llm_obs_testing.memory import MemoryReader, MemorySink, MemoryStore
from llm_obs_testing.otlp import request
from llm_obs_testing.parts import make_parts, make_write, position
from llm_obs_testing.rows import without_content
from llm_obs_testing.spans import make_span, make_traces

SCOPE = Scope(("default",), content=True)


def test_spans_survive_the_wire() -> None:
    spans = make_traces(40)
    assert list(scan(request(spans)).spans()) == spans


@pytest.mark.parametrize(
    ("type", "values"),
    [
        ("string", ["a", None, "", "naïve 🙂"]),
        ("int64", [1, None, -(2**63)]),
        ("bool", [True, False, None] * 5),
        ("fixed8", [b"12345678", None]),
        ("list<uint16>", [[1, 2], [], [65535]]),
        ("binary", [b"", None, b"\0"]),
    ],
)
def test_columns_are_read_as_they_were_made(type: str, values: list[object]) -> None:
    column = encode(type, values)
    assert decode(column) == values
    assert column.null_count == values.count(None)
    if column.offsets is not None:
        assert len(struct.unpack(f"<{len(values) + 1}i", column.offsets)) == len(values) + 1


async def test_what_a_sink_wrote_a_reader_finds() -> None:
    store = MemoryStore()
    sink: Sink = MemorySink(store)
    reader: Reader = MemoryReader(store)
    spans = make_traces(30)
    assert await sink.start() is None
    write = make_write(make_parts(spans, 1, 3, received_ns=7))
    await sink.write(write)
    await sink.write(write)
    assert await sink.start() == position(3)
    with pytest.raises(StoreError, match="after test/0/derived/3"):
        await sink.write(make_write(write.parts, 3, 4))
    page = await reader.find_traces(SCOPE, TraceQuery(), first=100)
    assert len(page.traces) == 30
    assert page.next is None
    assert page.coverage.fresh_to_ns == 7
    trace = await reader.trace(SCOPE, spans[0].trace_id)
    assert trace is not None
    whole = [span for span in spans if span.trace_id == spans[0].trace_id]
    assert [item.span for item in trace.spans] == sorted(map(without_content, whole), key=lambda span: span.start_ns)
    total = await reader.aggregate(SCOPE, AggregateQuery())
    assert sum(row.values["requests"] for row in total.rows) == sum(item.call_count for item in page.traces)
    assert await reader.trace(Scope(("other",)), spans[0].trace_id) is None


async def test_a_range_is_ended_before_the_next_one_begins() -> None:
    sink = MemorySink()
    await sink.write(make_write(make_parts(make_traces(2), 1, 3), final=False))
    with pytest.raises(StoreError, match="the rest of the range that was begun, got test/0/derived/4"):
        await sink.write(make_write(make_parts(make_traces(2), 4)))
    assert sink.store.traces == {}


def test_a_store_can_be_filled_without_a_sink() -> None:
    store = MemoryStore()
    span = make_span(1)
    for value in ("one", "two"):
        store.add([span])
        store.annotate([StoredAnnotation("default", span.trace_id, span.span_id, "note", value, 1, 0)])
    assert [item.value for item in store.annotations.values()] == ["two"]
    store.add(make_traces(1))
    once = len(store.measures)
    store.add(make_traces(1))
    assert len(store.measures) == 2 * once > 0


async def test_a_list_is_walked_without_gaps() -> None:
    store = MemoryStore()
    for tenant in ("a", "b"):
        store.add([make_span(number, start_ns=5 + number // 4) for number in range(1, 20)], tenant=tenant)
    reader = MemoryReader(store)
    found: list[tuple[bytes, str]] = []
    after: Cursor | None = None
    while True:
        page = await reader.find_traces(Scope(("a", "b")), TraceQuery(), first=3, after=after)
        found += [(item.trace_id, item.tenant) for item in page.traces]
        if (after := page.next) is None:
            break
    assert len(found) == len(set(found)) == 38


async def test_unknown_keys_are_named() -> None:
    reader = MemoryReader(MemoryStore())
    with pytest.raises(LlmObsError, match="a key out of: model, .* got 'colour'"):
        await reader.aggregate(SCOPE, AggregateQuery(group_by=("colour",)))
    with pytest.raises(LlmObsError, match="multiple of a minute"):
        await reader.aggregate(SCOPE, AggregateQuery(interval_ns=1))
