"""Generated queries, each held against what the filter language says, span by span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import And, Condition, Filter, Not, Or, Scalar, checked, meets, meets_any, text
from llm_obs_core.interfaces import Reader, Scope, SessionQuery, SpanQuery, TraceQuery
from llm_obs_core.model import PayloadKind

from llm_obs_testing.contracts.both import Both, page_of
from llm_obs_testing.contracts.questions import FILTERED, Questions, Trace, known_values
from llm_obs_testing.contracts.sample import ALL, ONE

__all__ = ["GeneratedQueries"]


class GeneratedQueries:
    """The part of `ReaderContract` that makes its queries from seeds."""

    @pytest.fixture(scope="class")
    @classmethod
    def everything(cls, both: Both) -> list[Trace]:
        """All traces with their spans, read one by one."""
        found: list[Trace] = list(both.everything(ALL))
        assert len(found) > 60
        return found

    @pytest.fixture(scope="class")
    @classmethod
    def known(cls, everything: list[Trace]) -> Mapping[str, Sequence[Scalar]]:
        """The values that each field has in them."""
        return known_values(everything)

    @pytest.mark.parametrize("name", FILTERED)
    def test_each_operator_of_a_field(
        self, both: Both, everything: list[Trace], known: Mapping[str, Sequence[Scalar]], name: str
    ) -> None:
        """Over spans and, one of them, over traces."""
        questions = Questions(FILTERED.index(name), known)
        for number, condition in enumerate(questions.each(name)):
            where: Filter = Not(condition) if number % 4 == 3 else condition
            _same_spans(both, everything, SpanQuery(where))
            if number % 3 == 0:
                _same_traces(both, everything, TraceQuery(where))

    @pytest.mark.parametrize("seed", range(60))
    def test_any_filter(
        self, both: Both, everything: list[Trace], known: Mapping[str, Sequence[Scalar]], seed: int
    ) -> None:
        """Of spans, traces and sessions, with times, whole and page by page."""
        questions = Questions(1_000 + seed, known)
        where, (start_ns, end_ns), first = questions.filter(), questions.times(), questions.first()
        spans, traces = SpanQuery(where, start_ns, end_ns), TraceQuery(where, start_ns, end_ns)
        listed = _same_spans(both, everything, spans)
        if len(listed) <= 20 * first:
            assert both.walk(ALL, spans, first) == tuple(listed)
        assert both.walk(ALL, traces, first) == tuple(_same_traces(both, everything, traces))
        sessions = SessionQuery(where, start_ns, end_ns)
        assert both.walk(ALL, sessions, first) == both.all(ALL, sessions)
        both.all(ONE, spans)

    def test_the_filters_divide_what_there_is(
        self, everything: list[Trace], known: Mapping[str, Sequence[Scalar]]
    ) -> None:
        """Of the generated ones enough hold for some spans and not for others."""
        found = 0
        for seed in range(60):
            where = Questions(1_000 + seed, known).filter()
            count = sum(meets(where, span, fields) for spans, fields in everything for span in spans)
            found += 0 < count < sum(len(spans) for spans, _ in everything)
        assert found > 20

    @pytest.mark.parametrize("seed", range(40))
    def test_any_sums(self, both: Both, known: Mapping[str, Sequence[Scalar]], seed: int) -> None:
        """Any keys, times, buckets and values."""
        questions = Questions(2_000 + seed, known)
        both.sums(ALL, questions.aggregate())
        both.sums(ONE, questions.aggregate())

    def test_filters_that_cannot_be_are_refused(self, both: Both) -> None:
        """Before anything is read; also what only a key with the scope `content` may look for."""
        wrong: list[Filter] = [
            Condition("colour", "eq", "red"),
            Condition("model", "eq", 1),
            Condition("trace_id", "contains", "0"),
            And((Not(Condition("name", "regex", "(")),)),
        ]
        for where in wrong:
            _refused(both, ALL, where)
        hidden = Or((Condition("model", "exists", True), Condition("content", "search", "order")))
        _refused(both, Scope(ALL.tenants), hidden)
        assert both.all(ALL, SpanQuery(hidden))
        assert both.all(Scope(ALL.tenants), SpanQuery(Condition("content", "exists", True)))

    def test_what_was_said_is_returned_with_its_trace(self, both: Both) -> None:
        """The last that was said of each target and key, and nothing that was taken back."""
        traces = both.listed(ALL, TraceQuery())
        rows = both.annotations(ALL, [trace.trace_id for trace in traces]).rows
        for trace in traces[::7]:
            whole = both.trace(Scope((trace.tenant,)), trace.trace_id)
            assert whole is not None
            of_trace = [row for row in rows if (row.tenant, row.trace_id) == (trace.tenant, trace.trace_id)]
            assert list(whole.annotations) == of_trace
        if PayloadKind.ANNOTATIONS in both.sink.limits.kinds:
            assert len({row.value for row in rows}) > 5
            assert both.annotations(ONE, [b"\xfd" * 16]).rows
        assert all(row.value != "null" for row in rows)
        assert len({(row.tenant, row.trace_id, row.span_id, row.key) for row in rows}) == len(rows)

    def test_it_says_what_it_can(self, both: Both) -> None:
        """And says the same again."""
        about = both.reader.about()
        assert about.questions
        assert about.tiers
        assert about == both.reader.about()


def _same_spans(both: Both, everything: list[Trace], query: SpanQuery) -> list[object]:
    where = checked(query.where)
    expected = {
        (span.columns["trace_id"], span.columns["span_id"], fields["tenant"])
        for spans, fields in everything
        for span in spans
        if _within(span.columns["start_ns"], query) and meets(where, span, fields)
    }
    found = list(both.all(ALL, query))
    ids = [(span.columns["trace_id"], span.columns["span_id"], span.tenant) for span in found]
    assert set(ids) == expected, text(query.where)
    places = [(span.columns["start_ns"], *id) for span, id in zip(found, ids, strict=True)]
    assert places == sorted(places, reverse=True)
    assert len(set(ids)) == len(ids)
    return found


def _same_traces(both: Both, everything: list[Trace], query: TraceQuery) -> list[object]:
    where = checked(query.where)
    expected = {
        (fields["trace_id"], fields["tenant"])
        for spans, fields in everything
        if _within(fields["start_ns"], query) and meets_any(where, spans, fields)
    }
    found = both.listed(ALL, query)
    assert {(trace.trace_id, trace.tenant) for trace in found} == expected, text(query.where)
    assert len(found) == len(expected)
    return list(found)


def _within(start_ns: object, query: SpanQuery | TraceQuery) -> bool:
    assert isinstance(start_ns, int)
    return (query.start_ns is None or start_ns >= query.start_ns) and (query.end_ns is None or start_ns < query.end_ns)


def _refused(both: Both, scope: Scope, where: Filter) -> None:
    for query in (TraceQuery(where), SpanQuery(where), SessionQuery(where)):

        async def send(reader: Reader, query: TraceQuery | SpanQuery | SessionQuery = query) -> object:
            return await page_of(reader, scope, query, 5, None)

        with pytest.raises(LlmObsError):
            both.runner.run(send(both.reader))
