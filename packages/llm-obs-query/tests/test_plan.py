"""One authoritative reader for each question, origin and time: nothing counts twice, nothing is left out unsaid."""

from __future__ import annotations

import itertools
import random

import pytest
from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import About, AggregateQuery, Question, Scope, SessionQuery, SpanQuery, TraceQuery
from llm_obs_core.model import Span
from llm_obs_query.errors import UserError
from llm_obs_query.plan import Held, Range, Share, plan
from llm_obs_query.readers import Readers, ReaderSettings
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.memory_reader import QUESTIONS
from llm_obs_testing.spans import make_traces

SCOPE = Scope(("default",), content=True)
SPANS = make_traces(30)
MIDDLE_NS = sorted(span.start_ns for span in SPANS)[len(SPANS) // 2] // 60_000_000_000 * 60_000_000_000
PREFERRED = ReaderSettings(prefer=True)


def about(*origin: str, **fields: object) -> About:
    return About(QUESTIONS, frozenset(origin), **fields)  # type: ignore[arg-type]


def shares(question: Question, *readers: Held) -> list[Share]:
    return plan(question, readers)


def test_readers_of_different_origins_all_answer() -> None:
    assert shares(Question.TRACES, Held("a", about("x")), Held("b", about("y", "z"))) == [Share("a"), Share("b")]


def test_the_only_one_needs_no_origin() -> None:
    only = Held("b", About(frozenset({Question.MEASURES})))
    assert shares(Question.TRACES, Held("a", about()), only) == [Share("a")]
    assert shares(Question.LOGS, Held("a", about())) == []


@pytest.mark.parametrize("question", [Question.TRACES, Question.MEASURES])
def test_two_of_one_origin_are_refused_where_none_is_preferred(question: Question) -> None:
    with pytest.raises(ConfigError, match=r"two readers of one origin, a and b, .* set readers.a.prefer = true"):
        shares(question, Held("a", about("x", "y")), Held("b", about("y")))
    with pytest.raises(ConfigError, match="two readers of one origin"):
        shares(question, Held("a", about("x"), True), Held("b", about("x"), True))


def test_the_preferred_one_answers() -> None:
    found = shares(Question.TRACES, Held("a", about("x")), Held("b", about("x"), True), Held("c", about("y")))
    assert found == [Share("b"), Share("c")]


def test_an_unknown_origin_beside_others_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"log writers whose data reader b holds.*readers.b.origin.*server.writer"):
        shares(Question.TRACES, Held("a", about("x")), Held("b", about()))
    assert shares(Question.TRACES, Held("a", about("x"), True), Held("b", about())) == [Share("a")]


def test_the_complete_one_goes_before_the_sampled_one_but_for_sums() -> None:
    sampled, complete = Held("a", about("x", complete=False), True), Held("b", about("x"))
    assert shares(Question.TRACES, sampled, complete) == [Share("b")]
    assert shares(Question.MEASURES, sampled, complete) == [Share("a")]


def test_a_preferred_one_that_lacks_a_writer_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a before b, which alone holds writer y .*set readers.b.prefer"):
        shares(Question.TRACES, Held("a", about("x"), True), Held("b", about("x", "y")))


def test_later_tiers_answer_for_what_is_before() -> None:
    hot, cold = Held("hot", about("x", start_ns=100), True), Held("cold", about("x", tiers=("cold",)))
    assert shares(Question.TRACES, cold, hot) == [Share("cold", (Range(None, 100),)), Share("hot")]
    apart = Held("cold", about("x", end_ns=100))
    assert shares(Question.TRACES, apart, hot._replace(prefer=False)) == [Share("cold"), Share("hot")]
    ended = Held("old", about("x", start_ns=10, end_ns=20), True)
    assert shares(Question.TRACES, cold, ended) == [Share("cold", (Range(None, 10), Range(20, None))), Share("old")]


@pytest.mark.parametrize("seed", range(1_000))
def test_each_moment_of_an_origin_has_one_reader(seed: int) -> None:
    """Whatever is configured: refused, or every reader's data is answered for exactly once."""
    chance = random.Random(seed)
    readers = []
    for number in range(chance.randrange(1, 5)):
        bounds = sorted(chance.sample(range(10), 2)) if chance.random() < 0.6 else [None, None]
        origin = chance.sample(["x", "y", "z"], chance.choice((1, 1, 2)))
        it = about(*origin, start_ns=bounds[0], end_ns=bounds[1], complete=chance.random() < 0.7)
        readers.append(Held(f"r{number}", it, chance.random() < 0.3))
    try:
        found = {share.name: share.ranges for share in plan(Question.TRACES, readers)}
    except ConfigError:
        return
    for moment, writer in itertools.product(range(-1, 11), ("x", "y", "z")):
        here = Range(moment, moment + 1)
        holding = [
            r for r in readers if writer in r.about.origin and here.within(Range(r.about.start_ns, r.about.end_ns))
        ]
        asked = [r for r in holding if any(here.within(part) for part in found.get(r.name, ()))]
        assert len(asked) == min(len(holding), 1), (moment, writer, readers)


def store_of(spans: list[Span]) -> MemoryStore:
    store = MemoryStore()
    store.add(spans, received_ns=5)
    return store


async def test_one_store_as_two_readers_is_refused_at_the_start_and_never_added_up() -> None:
    store = store_of(SPANS)
    twice = {"one": MemoryReader(store), "two": MemoryReader(store)}
    with pytest.raises(ConfigError, match=r"two readers of one origin, one and two"):
        await Readers(twice, 5.0).start()
    alone = await Readers({"one": MemoryReader(store)}, 5.0).aggregate(SCOPE, AggregateQuery(), failed=[])
    chosen = Readers(twice, 5.0, settings={"two": PREFERRED})
    await chosen.start()
    sums = await chosen.aggregate(SCOPE, AggregateQuery(), failed=[])
    assert sums.rows == alone.rows
    assert sums.coverage.sources == ("two",)
    page = await chosen.find_traces(SCOPE, TraceQuery(), first=100, after=None, failed=[])
    assert (len(page.traces), page.coverage.sources) == (30, ("two",))
    await chosen.stop()


async def test_an_overlap_that_comes_later_is_refused_too() -> None:
    one, two = MemoryReader(store_of(SPANS), about("x")), MemoryReader(store_of(SPANS), about("y"))
    readers = Readers({"one": one, "two": two}, 5.0, about_s=0.0)
    await readers.start()
    two._about = about("x", "y")
    with pytest.raises(UserError, match="two readers of one origin"):
        await readers.aggregate(SCOPE, AggregateQuery(), failed=[])


async def test_the_configuration_says_an_origin() -> None:
    stores = {"one": MemoryReader(store_of(SPANS[:40]), about()), "two": MemoryReader(store_of(SPANS[40:]), about())}
    with pytest.raises(ConfigError, match=r"readers.two.origin|readers.one.origin"):
        await Readers(stores, 5.0).start()
    said = {name: ReaderSettings(origin=frozenset({name})) for name in stores}
    readers = Readers(stores, 5.0, settings=said)
    await readers.start()
    (row,) = (await readers.aggregate(SCOPE, AggregateQuery(), failed=[])).rows
    whole = await MemoryReader(store_of(SPANS)).aggregate(SCOPE, AggregateQuery())
    assert row.values == whole.rows[0].values


async def test_two_tiers_of_one_origin_answer_as_one_store() -> None:
    """A hot one with what is new, a cold one with everything."""
    new = [span for span in SPANS if span.start_ns >= MIDDLE_NS]
    hot = MemoryReader(store_of(new), about("x", start_ns=MIDDLE_NS))
    cold = MemoryReader(store_of(SPANS), about("x", tiers=("cold",)))
    tiers = Readers({"hot": hot, "cold": cold}, 5.0, settings={"hot": PREFERRED})
    whole = Readers({"whole": MemoryReader(store_of(SPANS))}, 5.0)
    await tiers.start()

    async def answers(readers: Readers) -> list[object]:
        traces = await readers.find_traces(SCOPE, TraceQuery(), first=100, after=None, failed=[])
        spans = await readers.find_spans(SCOPE, SpanQuery(), first=1_000, after=None, failed=[])
        sessions = await readers.find_sessions(SCOPE, SessionQuery(), first=100, after=None, failed=[])
        sums = await readers.aggregate(SCOPE, AggregateQuery(group_by=("model",)), failed=[])
        values = await readers.values(SCOPE, "user_id", prefix="", start_ns=None, first=50, failed=[])
        ordered = sorted(sums.rows, key=lambda row: str(row.keys))
        by_id = sorted(traces.traces, key=lambda trace: trace.trace_id)
        return [by_id, spans.spans, sessions.sessions, ordered, list(values)]

    assert await answers(tiers) == await answers(whole)
