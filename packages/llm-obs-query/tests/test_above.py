"""What a reader does not evaluate is evaluated above it, within a bound, or refused with the reason."""

from __future__ import annotations

import msgspec
import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import Filter, parse, text
from llm_obs_core.interfaces import (
    About,
    Evaluates,
    Question,
    Scope,
    SessionQuery,
    SpanQuery,
    StoredAnnotation,
    TraceQuery,
)
from llm_obs_query.above import divided
from llm_obs_query.errors import Code, UserError
from llm_obs_query.readers import Readers
from llm_obs_testing.contracts.questions import Questions, known_values
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.memory_reader import QUESTIONS
from llm_obs_testing.spans import make_span, make_traces

SCOPE = Scope(("default",), content=True)
COLUMNS_ONLY = (Evaluates(("user_id", "model", "trace.*"), ("eq", "gt", "exists")),)
NOTHING = (Evaluates((), ()),)


class Limited(MemoryReader):
    """Refuses what it said that it cannot evaluate."""

    async def find_traces(self, scope: Scope, query: TraceQuery, **how: object) -> object:  # type: ignore[override]
        self._check(query.where)
        return await super().find_traces(scope, query, **how)  # type: ignore[arg-type]

    async def find_spans(self, scope: Scope, query: SpanQuery, **how: object) -> object:  # type: ignore[override]
        self._check(query.where)
        return await super().find_spans(scope, query, **how)  # type: ignore[arg-type]

    async def find_sessions(self, scope: Scope, query: SessionQuery, **how: object) -> object:  # type: ignore[override]
        self._check(query.where)
        return await super().find_sessions(scope, query, **how)  # type: ignore[arg-type]

    def _check(self, where: Filter) -> None:
        if not self.about().can(where):
            raise LlmObsError("what was declared", got=text(where))


@pytest.fixture(name="store", scope="module")
def _store() -> MemoryStore:
    store = MemoryStore()
    store.add(make_traces(25))
    store.annotate(
        [
            StoredAnnotation("default", make_span(3).trace_id, None, "score", "4", 1, 10),
            StoredAnnotation("default", make_span(5).trace_id, make_span(81).span_id, "label", '"good"', 1, 10),
        ]
    )
    return store


def both(store: MemoryStore, filters: tuple[Evaluates, ...], **fields: object) -> tuple[Readers, Readers]:
    about = msgspec.structs.replace(About(QUESTIONS, filters=filters), **fields)
    return Readers({"limited": Limited(store, about)}, 5.0), Readers({"limited": MemoryReader(store)}, 5.0)


async def answers(readers: Readers, where: Filter, first: int) -> list[object]:
    found: list[object] = []
    for find, query in (
        (readers.find_traces, TraceQuery(where)),
        (readers.find_spans, SpanQuery(where)),
        (readers.find_sessions, SessionQuery(where)),
    ):
        after = None
        while True:
            page = await find(SCOPE, query, first=first, after=after, failed=[])  # type: ignore[operator]
            rows = getattr(page, type(query).__name__.removesuffix("Query").lower() + "s")
            assert len(rows) <= first
            found += rows
            if (after := page.next) is None:
                break
    return found


@pytest.mark.parametrize("seed", range(25))
async def test_a_filter_above_is_the_filter_below(store: MemoryStore, seed: int) -> None:
    from llm_obs_testing.contracts.both import everything_of

    known = known_values(await everything_of(MemoryReader(store), SCOPE))
    where = Questions(seed, known).filter()
    for filters in (COLUMNS_ONLY, NOTHING):
        limited, free = both(store, filters)
        assert await answers(limited, where, 4) == await answers(free, where, 4)


def test_what_a_reader_can_is_left_to_it() -> None:
    about = About(QUESTIONS, filters=COLUMNS_ONLY)
    below, above, of_spans = divided(parse("user_id = a and name contains x and trace.span_count > 3"), "r", about)
    assert (text(below), above is not None and text(above), of_spans) == (
        "user_id = \"a\" and trace.span_count > 3", 'name contains "x"', True,
    )  # fmt: skip
    below, above, of_spans = divided(parse("trace.span_count < 3 or user_id = a"), "r", about)
    assert (text(below), above is not None and text(above), of_spans) == (
        "", 'trace.span_count < 3 or user_id = "a"', True,
    )  # fmt: skip
    assert divided(parse("trace.name contains x"), "r", about).of_spans is False


async def test_beyond_the_bound_it_is_refused_with_the_reason(store: MemoryStore) -> None:
    about = About(QUESTIONS, filters=NOTHING)
    readers = Readers({"limited": Limited(store, about)}, 5.0, max_rows=10)
    with pytest.raises(UserError, match="at most 10 rows above the readers.*limited does not evaluate") as refused:
        await readers.find_traces(SCOPE, TraceQuery(parse("user_id = nobody")), first=5, after=None, failed=[])
    assert refused.value.code == Code.LIMIT_EXCEEDED
    page = await readers.find_traces(SCOPE, TraceQuery(parse("user_id exists")), first=5, after=None, failed=[])
    assert len(page.traces) == 5


async def test_content_is_not_searched_where_there_is_none(store: MemoryStore) -> None:
    limited, _ = both(store, COLUMNS_ONLY, questions=QUESTIONS - {Question.CONTENT})
    with pytest.raises(UserError, match="reader limited holds no content and does not search it"):
        await limited.find_spans(SCOPE, SpanQuery(parse("content search x")), first=5, after=None, failed=[])


async def test_what_nobody_answers_is_refused(store: MemoryStore) -> None:
    limited, _ = both(store, COLUMNS_ONLY, questions=frozenset({Question.TRACES}))
    with pytest.raises(UserError, match="expected a reader that answers for sessions, got only limited"):
        await limited.find_sessions(SCOPE, SessionQuery(), first=5, after=None, failed=[])
    found = await limited.trace(SCOPE, make_span(3).trace_id, failed=[])
    assert found is not None


async def test_content_needs_permission_before_anything_is_read(store: MemoryStore) -> None:
    _, free = both(store, COLUMNS_ONLY)
    hidden = Scope(("default",))
    for find, query in (
        (free.find_traces, TraceQuery(parse("content search order"))),
        (free.find_spans, SpanQuery(parse("content search order"))),
        (free.find_sessions, SessionQuery(parse("content search order"))),
    ):
        with pytest.raises(UserError, match="a key that may see content"):
            await find(hidden, query, first=5, after=None, failed=[])  # type: ignore[operator]


async def test_annotations_come_from_another_reader(store: MemoryStore) -> None:
    """Spans from one store, what was said about them from another one of the same origin."""
    bare = MemoryStore()
    bare.add(make_traces(25))
    spans = About(QUESTIONS - {Question.ANNOTATIONS}, frozenset({"x"}), filters=COLUMNS_ONLY)
    said = About(frozenset({Question.ANNOTATIONS}), frozenset({"x"}))
    readers = Readers({"spans": Limited(bare, spans), "said": MemoryReader(store, said)}, 5.0)
    await readers.start()
    _, free = both(store, COLUMNS_ONLY)
    for where in ("annotations.score > 3", "annotations.label = good", "not annotations.label exists"):
        assert await answers(readers, parse(where), 5) == await answers(free, parse(where), 5)
    trace = await readers.trace(SCOPE, make_span(3).trace_id, failed=[])
    assert trace is not None
    assert [(row.key, row.value) for row in trace.annotations] == [("score", "4")]
