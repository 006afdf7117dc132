"""What every reader has to pass: the answers of the reader in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llm_obs_core import semconv
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import Condition
from llm_obs_core.interfaces import AggregateQuery, Reader, Scope, SessionQuery, Sink, SpanQuery, TraceQuery
from llm_obs_core.model import MEASURE_KEYS, SPAN_COLUMNS

from llm_obs_testing.contracts.both import Both, in_order
from llm_obs_testing.contracts.generated import GeneratedQueries
from llm_obs_testing.contracts.sample import ALL, ONE, writes
from llm_obs_testing.measures import MINUTE_NS
from llm_obs_testing.parts import make_part
from llm_obs_testing.spans import START_NS, make_span

__all__ = ["ReaderContract"]

KEYS = ["model", *(column.name for column in MEASURE_KEYS)]


class ReaderContract(GeneratedQueries):
    """Subclass it, write `pair`, and run pytest."""

    @classmethod
    def pair(cls, folder: Path) -> tuple[Sink, Reader]:
        """A sink and a reader over the same store, in this folder; neither is started."""
        raise NotImplementedError

    # --- How the tests work ---

    @pytest.fixture(scope="class")
    @classmethod
    def both(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
        """The reader and the oracle over the same writes, of the whole class."""
        with asyncio.Runner() as runner:
            sink, reader = cls.pair(tmp_path_factory.mktemp("store"))
            both = Both(runner, sink, reader)
            try:
                both.write(writes())
                runner.run(reader.start())
                yield both
            finally:
                runner.run(reader.stop())
                runner.run(sink.stop())

    # --- Traces ---

    def test_every_trace_is_listed(self, both: Both) -> None:
        """With its sums over all parts of it, whichever write they came in."""
        assert len(both.listed(ALL, TraceQuery())) > 60
        assert len(both.listed(ONE, TraceQuery())) > 60

    @pytest.mark.parametrize("first", [1, 3, 10])
    def test_a_list_is_walked_without_gaps_or_repeats(self, both: Both, first: int) -> None:
        """Also where traces start together and where tenants have the same ids."""
        assert both.walk(ALL, TraceQuery(), first) == both.listed(ALL, TraceQuery())

    def test_a_page_says_whether_there_is_more(self, both: Both) -> None:
        """`next` is None exactly at the end."""
        total = len(both.listed(ALL, TraceQuery()))

        async def ask(reader: Reader) -> list[bool]:
            pages = [await reader.find_traces(ALL, TraceQuery(), first=n) for n in (total - 1, total, total + 1, 0)]
            return [page.next is None for page in pages]

        assert both.ask(ask)[:3] == [False, True, True]

    def test_nothing_is_seen_out_of_scope(self, both: Both) -> None:
        """No tenant, an unknown one, the other one's trace."""

        async def ask(reader: Reader) -> list[Any]:
            other = Scope(("acmé 日本",), content=True)
            found: list[Any] = [await reader.trace(other, make_span(1001).trace_id)]
            for scope in (Scope(()), Scope(("nobody",)), Scope(("default' OR 1=1 --",))):
                found.append((await reader.find_traces(scope, TraceQuery(), first=9)).traces)
                found.append((await reader.find_spans(scope, SpanQuery(), first=9)).spans)
                found.append((await reader.find_sessions(scope, SessionQuery(), first=9)).sessions)
                found.append((await reader.annotations(scope, [make_span(1001).trace_id])).rows)
                found.append(await reader.trace(scope, make_span(1001).trace_id))
                found.append((await reader.aggregate(scope, AggregateQuery())).rows)
                found.append(list(await reader.values(scope, "model")))
            return found

        assert not any(both.ask(ask))

    def test_each_trace_is_read_whole(self, both: Both) -> None:
        """Spans by start, with columns and content."""
        for summary in both.listed(ALL, TraceQuery()):
            trace = both.trace(Scope((summary.tenant,), content=True), summary.trace_id)
            assert trace is not None
            assert trace.summary == summary
            assert len(trace.spans) == summary.span_count

    def test_a_trace_of_two_tenants_is_the_first_ones(self, both: Both) -> None:
        """In the order of the scope."""
        shared = make_span(1002).trace_id
        for tenants in (ALL.tenants, ALL.tenants[::-1]):
            trace = both.trace(Scope(tenants), shared)
            assert trace is not None
            assert trace.summary.tenant == tenants[0]

    def test_bodies_need_permission(self, both: Both) -> None:
        """Without it there are their digests and lengths."""
        summary = next(item for item in both.listed(ONE, TraceQuery()) if item.output_tokens)
        trace = both.trace(Scope(("default",)), summary.trace_id)
        assert trace is not None
        items = [item for span in trace.spans for item in span.content]
        assert items
        assert all(item.body is None and item.body_bytes > 0 for item in items)
        assert not set(trace.spans[1].span.attributes) & {semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES}

    def test_an_unknown_trace_is_none(self, both: Both) -> None:
        """An id that nobody has."""
        unknown = b"\xff" * 16
        assert both.trace(ALL, unknown) is None
        assert both.outline(ALL, unknown, ["name"]) is None
        assert both.spans(ALL, unknown, [make_span(1).span_id]) is None

    def test_the_outline_of_a_trace_is_its_columns(self, both: Both) -> None:
        """Those asked for, of every span, in the order of the trace."""
        names = [column.name for column in SPAN_COLUMNS]
        for summary in both.listed(ALL, TraceQuery()):
            scope = Scope((summary.tenant,))
            trace = both.trace(scope, summary.trace_id)
            outline = both.outline(scope, summary.trace_id, names)
            assert trace is not None
            assert outline is not None
            assert outline.summary == trace.summary
            rows = zip(*outline.columns.values(), strict=True)
            assert [dict(zip(names, row, strict=True)) for row in rows] == [stored.columns for stored in trace.spans]
        few = both.outline(scope, summary.trace_id, ["duration_ns", "name"])
        assert few is not None
        assert list(few.columns) == ["duration_ns", "name"]
        assert both.outline(scope, summary.trace_id, []) is not None
        with pytest.raises(LlmObsError, match="colour"):
            both.runner.run(both.reader.outline(scope, summary.trace_id, ["colour"]))

    def test_some_spans_of_a_trace(self, both: Both) -> None:
        """As they are in the trace, by start; ids that it does not have are passed over."""
        for summary in both.listed(ALL, TraceQuery()):
            scope = Scope((summary.tenant,), content=True)
            trace = both.trace(scope, summary.trace_id)
            assert trace is not None
            some = trace.spans[::2]
            ids = [b"\xff" * 8, *(stored.span.span_id for stored in reversed(some))]
            assert both.spans(scope, summary.trace_id, ids) == some
        assert both.spans(scope, summary.trace_id, [b"\xff" * 8]) == ()
        assert both.spans(scope, summary.trace_id, []) == ()
        bare = both.spans(Scope((summary.tenant,)), summary.trace_id, ids)
        assert bare
        assert all(item.body is None for stored in bare for item in stored.content)

    def test_parts_of_a_trace_of_two_tenants_are_the_first_ones(self, both: Both) -> None:
        """Also where only the second one has the spans that are asked for."""
        shared = make_span(1002).trace_id
        theirs = {tenant: both.trace(Scope((tenant,)), shared) for tenant in ALL.tenants}
        for tenants in (ALL.tenants, ALL.tenants[::-1]):
            trace = theirs[tenants[0]]
            assert trace is not None
            ids = [stored.span.span_id for other in theirs.values() if other for stored in other.spans]
            assert both.spans(Scope(tenants), shared, ids) == trace.spans
            assert both.spans(Scope(tenants), shared, [b"\xff" * 8]) == ()
            outline = both.outline(Scope(tenants), shared, ["span_id"])
            assert outline is not None
            assert outline.summary == trace.summary

    # --- Spans and sessions ---

    def test_every_span_is_listed(self, both: Both) -> None:
        """Newest first, with its columns; whole only where that is asked for."""
        spans = both.all(ALL, SpanQuery())
        assert len(spans) == sum(trace.span_count for trace in both.listed(ALL, TraceQuery()))
        assert all(span.stored is None for span in spans)
        for first in (1, 3, 50) if len(spans) < 500 else (50,):
            assert both.walk(ALL, SpanQuery(), first) == spans

        async def whole(reader: Reader) -> list[Any]:
            scopes = (ALL, Scope(ALL.tenants))
            return [(await reader.find_spans(scope, SpanQuery(), first=40, whole=True)).spans for scope in scopes]

        permitted, bare = both.ask(whole)
        for span in permitted:
            trace = both.trace(Scope((span.tenant,), content=True), span.columns["trace_id"])
            assert trace is not None
            assert span.stored in trace.spans
        assert all(item.body is None for span in bare for item in span.stored.content)

    def test_a_span_that_comes_again_is_listed_once(self, tmp_path: Path) -> None:
        """As it is now."""
        with asyncio.Runner() as runner:
            sink, reader = self.pair(tmp_path)
            both = Both(runner, sink, reader)
            try:
                both.write([[make_part([make_span(1, name="old"), make_span(2)], 1, received_ns=1_000)]])
                runner.run(reader.start())
                both.write([[make_part([make_span(1, name="new")], 2, received_ns=2_000)]])
                assert [span.columns["name"] for span in both.all(ONE, SpanQuery())] == ["work", "new"]
                assert both.all(ONE, SpanQuery(Condition("name", "eq", "old"))) == ()
                assert both.listed(ONE, TraceQuery(Condition("name", "eq", "old"))) == ()
            finally:
                runner.run(reader.stop())
                runner.run(sink.stop())

    def test_every_session_is_listed(self, both: Both) -> None:
        """The one that ended last first, with the sums of all its traces."""
        sessions = both.all(ALL, SessionQuery())
        assert len(sessions) > 30
        traces = [trace for trace in both.listed(ALL, TraceQuery()) if trace.session_id is not None]
        assert sum(session.trace_count for session in sessions) == len(traces)
        assert sum(session.output_tokens for session in sessions) == sum(trace.output_tokens for trace in traces)
        assert max(session.trace_count for session in sessions) > 1
        for first in (1, 3, 50):
            assert both.walk(ALL, SessionQuery(), first) == sessions

    # --- Sums ---

    @pytest.mark.parametrize("key", KEYS)
    def test_sums_by_one_key(self, both: Both, key: str) -> None:
        """Null is a group of its own."""
        assert both.sums(ALL, AggregateQuery(group_by=(key,)))
        both.sums(ONE, AggregateQuery(group_by=(key, "service")))

    def test_sums_of_all(self, both: Both) -> None:
        """One row without groups; none when no call matches."""
        assert len(both.sums(ALL, AggregateQuery())) == 1
        assert both.sums(ALL, AggregateQuery(start_ns=2**62)) == []
        assert both.sums(ALL, AggregateQuery(filter={"model": ()})) == []

    @pytest.mark.parametrize("minutes", [1, 5, 1440])
    def test_sums_over_time(self, both: Both, minutes: int) -> None:
        """Buckets begin at multiples of their width."""
        rows = both.sums(ALL, AggregateQuery(interval_ns=minutes * MINUTE_NS, group_by=("model", "provider")))
        assert all(row.bucket_ns is not None and row.bucket_ns % (minutes * MINUTE_NS) == 0 for row in rows)

    def test_sums_of_a_while(self, both: Both) -> None:
        """Minutes count from the one of the start on, and up to those that begin before the end."""
        starts = [START_NS, START_NS + 1, START_NS + MINUTE_NS, START_NS + MINUTE_NS * 3 // 2]
        for start_ns, width in itertools.product(starts, [1, MINUTE_NS // 2, MINUTE_NS, 5 * MINUTE_NS]):
            both.sums(ALL, AggregateQuery(start_ns=start_ns, end_ns=start_ns + width, group_by=("minute_ns",)))
            both.sums(ALL, AggregateQuery(end_ns=start_ns))

    def test_sums_of_some(self, both: Both) -> None:
        """Values of any key; None matches null; a value of another type matches nothing."""
        conditions: list[dict[str, tuple[str | int | bool | None, ...]]] = [
            {"model": ("gpt-4o-2024-08-06", "claude-sonnet-4-5")},
            {"response_model": (None,)},
            {"user_id": (None, "user-3")},
            {"stream": (True,)},
            {"stream": (None, False)},
            {"http_status": (200, 429)},
            {"http_status": ("200",)},
            {"provider": ("openai",), "error_type": ("RateLimitError",), "service": ("shop", "support")},
            {"application": ("naïve 🙂",)},
        ]
        for wanted in conditions:
            both.sums(ALL, AggregateQuery(filter=wanted, group_by=("model",)))

    def test_what_cannot_be_asked_is_named(self, both: Both) -> None:
        """Unknown keys, and intervals that are no minutes."""
        for query in (
            AggregateQuery(group_by=("colour",)),
            AggregateQuery(filter={"colour": ()}),
            AggregateQuery(interval_ns=1),
            AggregateQuery(interval_ns=0),
            AggregateQuery(interval_ns=-MINUTE_NS),
        ):
            with pytest.raises(LlmObsError):
                both.runner.run(both.reader.aggregate(ALL, query))
        with pytest.raises(LlmObsError, match="colour"):
            both.runner.run(both.reader.values(ALL, "colour"))

    @pytest.mark.parametrize("key", KEYS)
    def test_values_of_a_key(self, both: Both, key: str) -> None:
        """Commonest first, then by value, cut to `first`, of a prefix, from a time on."""

        async def ask(reader: Reader) -> list[Any]:
            found = [list(await reader.values(ALL, key)), list(await reader.values(ONE, key, first=2))]
            prefixes = ("", "g", "gpt-4o-", "2", "t", "%", "Naïve", "naïve 🙂")
            found.extend([list(await reader.values(ALL, key, prefix=prefix)) for prefix in prefixes])
            found.append(list(await reader.values(ALL, key, start_ns=START_NS + 10_000_000_000)))
            found.append(list(await reader.values(ALL, key, first=0)))
            return found

        assert both.ask(ask)[0]

    # --- All ---

    def test_answers_say_what_they_rest_on(self, both: Both) -> None:
        """The source, and up to when everything received is in them."""

        async def ask() -> list[Any]:
            page = await both.reader.find_traces(ALL, TraceQuery(), first=1)
            sums = await both.reader.aggregate(ALL, AggregateQuery())
            trace = await both.reader.trace(ALL, make_span(1001).trace_id)
            assert trace is not None
            return [page.coverage, sums.coverage, trace.coverage]

        for coverage in both.runner.run(ask()):
            assert coverage.sources
            assert coverage.tiers
            assert coverage.basis == "exact"
            assert coverage.fresh_to_ns in (None, 4_000)

    def test_questions_may_overlap(self, both: Both) -> None:
        """Many at once have the answers that they have alone."""

        async def many() -> list[Any]:
            asked = (both.reader.find_traces(ALL, TraceQuery(), first=n % 7 + 1) for n in range(20))
            sums = (both.reader.aggregate(ALL, AggregateQuery(group_by=("model",))) for _ in range(5))
            return await asyncio.gather(*asked, *sums)

        found = both.runner.run(many())
        assert [len(page.traces) for page in found[:20]] == [n % 7 + 1 for n in range(20)]
        assert all(in_order(item.rows) == in_order(found[-1].rows) for item in found[20:])

    def test_what_is_written_meanwhile_is_seen(self, tmp_path: Path) -> None:
        """By a reader that was started before; a span that comes again is returned once, as it is now."""
        with asyncio.Runner() as runner:
            sink, reader = self.pair(tmp_path)
            both = Both(runner, sink, reader)
            try:
                both.write([[make_part([make_span(1, name="old"), make_span(2)], 1, received_ns=1_000)]])
                runner.run(reader.start())
                assert len(both.listed(ONE, TraceQuery())) == 2
                both.write([[make_part([make_span(3)], 2, received_ns=2_000)]])
                assert len(both.listed(ONE, TraceQuery())) == 3
                both.write([[make_part([make_span(1, name="new")], 3, received_ns=3_000)]])
                trace = both.trace(ONE, make_span(1).trace_id)
                assert trace is not None
                assert [item.span.name for item in trace.spans] == ["new"]
                outline = both.outline(ONE, make_span(1).trace_id, ["name"])
                assert outline is not None
                assert outline.columns == {"name": ["new"]}
                assert both.spans(ONE, make_span(1).trace_id, [make_span(1).span_id]) == trace.spans
            finally:
                runner.run(reader.stop())
                runner.run(reader.stop())
                runner.run(sink.stop())

    def test_an_empty_store_answers(self, tmp_path: Path) -> None:
        """With nothing."""
        with asyncio.Runner() as runner:
            sink, reader = self.pair(tmp_path)
            runner.run(sink.start())
            try:
                runner.run(reader.start())
                assert (
                    runner.run(reader.find_traces(ALL, TraceQuery(Condition("user_id", "eq", "u")), first=9)).traces
                    == ()
                )
                assert runner.run(reader.find_spans(ALL, SpanQuery(), first=9)).spans == ()
                assert runner.run(reader.find_sessions(ALL, SessionQuery(), first=9)).sessions == ()
                assert runner.run(reader.annotations(ALL, [bytes(16)])).rows == ()
                assert runner.run(reader.trace(ALL, bytes(16))) is None
                assert runner.run(reader.aggregate(ALL, AggregateQuery(group_by=("model",)))).rows == ()
                assert list(runner.run(reader.values(ALL, "model"))) == []
            finally:
                runner.run(reader.stop())
                runner.run(sink.stop())
