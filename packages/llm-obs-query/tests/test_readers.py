"""Several readers answer as one that holds everything would."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import About, AggregateQuery, Coverage, Cursor, Scope, TracePage, TraceQuery, TraceSummary
from llm_obs_core.model import Span
from llm_obs_query import cursor, merge
from llm_obs_query.errors import ReaderError, UserError
from llm_obs_query.readers import Readers
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.memory_reader import QUESTIONS
from llm_obs_testing.spans import make_traces

SCOPE = Scope(("default",), content=True)
SPANS = make_traces(40)
WHOLE = MemoryStore()
WHOLE.add(SPANS, received_ns=5)


def split(seed: int, parts: int, *, by_trace: bool, twice: float = 0.0) -> Readers:
    """The spans dealt out to several stores, some of them to two."""
    dice = random.Random(seed)
    hands: list[list[Span]] = [[] for _ in range(parts)]
    owner: dict[bytes, int] = {}
    for span in SPANS:
        place = owner.setdefault(span.trace_id, dice.randrange(parts)) if by_trace else dice.randrange(parts)
        hands[place].append(span)
        if dice.random() < twice:
            hands[(place + 1) % parts].append(span)
    readers: dict[str, MemoryReader] = {}
    for number, hand in enumerate(hands):
        store = MemoryStore()
        store.add(hand, received_ns=5 + number)
        readers[f"store{number}"] = MemoryReader(store)
    return Readers(readers, 5.0)


async def walk(stores: Readers, first: int) -> list[TraceSummary]:
    found: list[TraceSummary] = []
    after = None
    while True:
        page = await stores.find_traces(SCOPE, TraceQuery(), first=first, after=after, failed=[])
        found += page.traces
        if page.next is None:
            return found
        after = cursor.decode(cursor.encode(page.next), Cursor)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), parts=st.integers(1, 4), first=st.integers(1, 50), by_trace=st.booleans())
def test_a_walk_over_parts_is_the_walk_over_the_whole(seed: int, parts: int, first: int, by_trace: bool) -> None:
    expected = asyncio.run(walk(Readers({"whole": MemoryReader(WHOLE)}, 5.0), 1_000))
    assert asyncio.run(walk(split(seed, parts, by_trace=by_trace), first)) == expected


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), first=st.integers(1, 50))
def test_a_trace_in_two_stores_is_listed_once_a_page(seed: int, first: int) -> None:
    stores = split(seed, 3, by_trace=True, twice=1.0)
    found = asyncio.run(walk(stores, first))
    assert {trace.trace_id for trace in found} == {span.trace_id for span in SPANS}
    assert len({trace.trace_id for trace in found}) == len(found)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    parts=st.integers(1, 4),
    keys=st.lists(st.sampled_from(["model", "user_id", "stream"]), unique=True),
    interval=st.sampled_from([None, 60_000_000_000, 3_600_000_000_000]),
)
def test_sums_over_parts_are_the_sums_of_the_whole(
    seed: int, parts: int, keys: list[str], interval: int | None
) -> None:
    query = AggregateQuery(group_by=tuple(keys), interval_ns=interval)

    async def ask(stores: Readers) -> Any:
        rows = (await stores.aggregate(SCOPE, query, failed=[])).rows
        return sorted(rows, key=lambda row: (row.bucket_ns or 0, str(row.keys)))

    whole = asyncio.run(ask(Readers({"whole": MemoryReader(WHOLE)}, 5.0)))
    assert asyncio.run(ask(split(seed, parts, by_trace=False))) == whole


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 999), parts=st.integers(1, 4), twice=st.sampled_from([0.0, 0.3]), number=st.integers(1, 40))
def test_a_trace_in_parts_is_the_whole_trace(seed: int, parts: int, twice: float, number: int) -> None:
    stores = split(seed, parts, by_trace=False, twice=twice)

    async def ask(stores: Readers) -> Any:
        return await stores.trace(SCOPE, number.to_bytes(16, "big"), failed=[])

    joined, whole = asyncio.run(ask(stores)), asyncio.run(ask(Readers({"whole": MemoryReader(WHOLE)}, 5.0)))
    assert joined.summary == whole.summary
    assert joined.spans == whole.spans

    async def parts_of(stores: Readers) -> Any:
        id = number.to_bytes(16, "big")
        outline = await stores.outline(SCOPE, id, ["name", "kind"], failed=[])
        some = await stores.spans(SCOPE, id, [stored.span.span_id for stored in whole.spans[1:]], failed=[])
        assert outline is not None
        assert some is not None
        return outline.summary, outline.columns["name"], outline.columns["kind"], some.spans

    columns = [stored.columns for stored in whole.spans]
    expected = (whole.summary, [row["name"] for row in columns], [row["kind"] for row in columns], whole.spans[1:])
    assert asyncio.run(parts_of(stores)) == expected


async def test_values_over_parts_are_those_of_the_whole() -> None:
    async def ask(stores: Readers) -> Any:
        return list(await stores.values(SCOPE, "user_id", prefix="", start_ns=None, first=1_000, failed=[]))

    whole = await ask(Readers({"whole": MemoryReader(WHOLE)}, 5.0))
    assert whole == await ask(split(1, 3, by_trace=False))


def test_coverage_is_the_weakest() -> None:
    parts = [Coverage(("a", "b"), ("hot",), "exact", 9), Coverage(("b", "c"), ("cold", "hot"), "weighted", 4)]
    assert merge.coverage(parts) == Coverage(("a", "b", "c"), ("hot", "cold"), "weighted", 4)
    assert merge.coverage([*parts, Coverage(("d",))]).fresh_to_ns is None


@given(st.integers(-(2**63), 2**63 - 1), st.binary(min_size=16, max_size=16), st.text(max_size=20))
def test_cursors_come_back(start_ns: int, trace_id: bytes, tenant: str) -> None:
    place = Cursor(start_ns, trace_id, tenant.encode("utf-8", "ignore").decode())
    assert cursor.decode(cursor.encode(place), Cursor) == place


@given(st.text(max_size=60))
def test_other_texts_are_no_cursors(text: str) -> None:
    try:
        place = cursor.decode(text, Cursor)
    except UserError:
        return
    assert cursor.decode(cursor.encode(place), Cursor) == place


class Failing(MemoryReader):
    """Raises, waits, or gives what is beyond the scope."""

    def __init__(self, how: Exception | float | str) -> None:
        super().__init__(WHOLE, About(QUESTIONS, origin=frozenset({repr(how)})))
        self.how = how

    async def find_traces(
        self, scope: Scope, query: TraceQuery, *, first: int, after: Cursor | None = None
    ) -> TracePage:
        if isinstance(self.how, Exception):
            raise self.how
        if isinstance(self.how, float):
            await asyncio.sleep(self.how)
        return await super().find_traces(Scope((str(self.how),)), query, first=first, after=after)


STORE_ERROR = StoreError("a store", got="a lock")
FAILURES: list[tuple[Exception | float | str, str]] = [
    (RuntimeError("secret inside"), "an unexpected error"),
    (STORE_ERROR, "expected a store, got a lock"),
    (30.0, "none within 0.05 s"),
    ("default", "an unexpected error"),
]


@pytest.mark.parametrize(("how", "said"), FAILURES)
async def test_one_failing_reader_leaves_the_others_answer(how: Exception | float | str, said: str) -> None:
    other = MemoryStore()
    other.add(SPANS, tenant="other")
    stores = Readers({"good": MemoryReader(other), "bad": Failing(how)}, 0.05)
    failed: list[ReaderError] = []
    page = await stores.find_traces(Scope(("other",)), TraceQuery(), first=5, after=None, failed=failed)
    assert len(page.traces) == 5
    assert {trace.tenant for trace in page.traces} == {"other"}
    assert page.coverage.sources == ("good",)
    (error,) = failed
    assert error.reader == "bad"
    assert said in str(error)
    assert "secret" not in str(error)


async def test_when_none_answers_it_is_an_error() -> None:
    stores = Readers({"one": Failing(STORE_ERROR), "two": Failing(RuntimeError())}, 1.0)
    failed: list[ReaderError] = []
    with pytest.raises(ReaderError, match="reader one"):
        await stores.find_traces(SCOPE, TraceQuery(), first=5, after=None, failed=failed)
    assert [error.reader for error in failed] == ["two"]


async def test_bodies_are_taken_out_whatever_a_reader_gives() -> None:
    class Generous(MemoryReader):
        async def trace(self, scope: Scope, trace_id: bytes) -> Any:
            return await super().trace(SCOPE, trace_id)

        async def spans(self, scope: Scope, trace_id: bytes, ids: Sequence[bytes]) -> Any:
            return await super().spans(SCOPE, trace_id, ids)

    stores = Readers({"generous": Generous(WHOLE)}, 1.0)
    for content in (True, False):
        found = await stores.trace(Scope(("default",), content=content), (3).to_bytes(16, "big"), failed=[])
        assert found is not None
        ids = [stored.span.span_id for stored in found.spans]
        some = await stores.spans(Scope(("default",), content=content), (3).to_bytes(16, "big"), ids, failed=[])
        assert some is not None
        assert some.spans == found.spans
        items = [item for stored in found.spans for item in stored.content]
        assert items
        assert all((item.body is not None) == content for item in items)


async def test_what_was_started_is_stopped_when_another_fails() -> None:
    events: list[str] = []

    class Life(MemoryReader):
        def __init__(self, name: str, fails: bool = False) -> None:
            super().__init__(WHOLE, About(QUESTIONS, origin=frozenset({name})))
            self.name, self.fails = name, fails

        async def start(self) -> None:
            events.append(f"start {self.name}")
            if self.fails:
                raise STORE_ERROR

        async def stop(self) -> None:
            events.append(f"stop {self.name}")

    stores = Readers({"a": Life("a"), "b": Life("b", fails=True), "c": Life("c")}, 1.0)
    with pytest.raises(StoreError):
        await stores.start()
    assert events == ["start a", "start b", "stop b", "stop a"]
    await stores.stop()
    assert len(events) == 4
