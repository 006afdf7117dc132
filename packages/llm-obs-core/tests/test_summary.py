"""The tables of summaries are what the summaries have, and sums of sums are sums."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from llm_obs_core.interfaces import AggregateRow, SessionSummary, TraceSummary
from llm_obs_core.model import SPAN_COLUMNS
from llm_obs_core.summary.columns import SESSION_COLUMNS, SUMMARY_COLUMNS, SUMMED_COLUMNS, SummaryColumn
from llm_obs_core.summary.fold import sessions_of, summarize
from llm_obs_core.sums import SUMS, added

TYPES = {"string": str, "int64": int, "bool": bool, "fixed16": bytes, "strings": tuple[str, ...]}


@pytest.mark.parametrize(
    ("struct", "table", "derived"),
    [(TraceSummary, SUMMARY_COLUMNS, {"total_tokens"}), (SessionSummary, SESSION_COLUMNS, set())],
)
def test_a_summary_has_the_fields_of_its_table(
    struct: type, table: tuple[SummaryColumn, ...], derived: set[str]
) -> None:
    wanted = {
        column.name: TYPES[column.type] | None if column.nullable else TYPES[column.type]
        for column in table
        if column.name not in derived
    }
    assert get_type_hints(struct) == {"tenant": str, **wanted}


def row(number: int, **values: object) -> dict[str, object]:
    empty = dict.fromkeys(column.name for column in SPAN_COLUMNS)
    known = {"trace_id": b"t" * 16, "start_ns": number, "duration_ns": 10, "status_code": 0, "name": f"n{number}"}
    return empty | known | values


CALL = {"operation": "chat", "request_model": "gpt-4o"}


def test_a_trace_is_folded_from_its_spans() -> None:
    rows = [
        row(5, name="root", service="shop", parent_span_id=None, user_id="late"),
        row(3, parent_span_id=b"p", service="other", user_id="z", **CALL, input_tokens=7, cost_nano_usd=0),
        row(3, parent_span_id=b"p", user_id="y", **CALL, response_model="gpt-4o-1", output_tokens=2, ttft_ns=4),
        row(4, parent_span_id=b"p", **CALL, usage_role="rollup", input_tokens=100, error_type="E", provider="openai"),
    ]
    known = [{name: one[name] for name in SUMMED_COLUMNS} for one in rows]
    expected = TraceSummary(
        tenant="t", trace_id=b"t" * 16, start_ns=3, duration_ns=12, name="root", service="shop", has_root=True,
        span_count=4, error_count=1, call_count=2, input_tokens=7, output_tokens=2, cost_nano_usd=0, unpriced_calls=1,
        ttft_ns=4, models=("gpt-4o", "gpt-4o-1"), providers=("openai",), user_id="y", session_id=None, application=None,
    )  # fmt: skip
    assert summarize("t", known) == expected
    assert summarize("t", known[::-1]) == expected


def test_sessions_are_folded_from_their_traces() -> None:
    def trace(start_ns: int, **values: object) -> TraceSummary:
        return summarize("t", [row(start_ns, **CALL, **values)])

    found = sessions_of(
        [
            trace(1, session_id="a", user_id="u", cost_nano_usd=3, input_tokens=1),
            trace(9, session_id="b", input_tokens=1),
            trace(20, session_id="a", user_id="v", status_code=2),
            trace(30),
        ]
    )
    assert [(one.session_id, one.start_ns, one.end_ns, one.trace_count, one.users) for one in found] == [
        ("a", 1, 30, 2, ("u", "v")),
        ("b", 9, 19, 1, ()),
    ]
    assert [(one.cost_nano_usd, one.unpriced_calls, one.error_count) for one in found] == [(3, 0, 1), (None, 1, 0)]


def test_equal_groups_are_added_and_keys_of_other_types_are_not() -> None:
    def one(key: str | int | bool, count: int) -> AggregateRow:
        return AggregateRow((key,), None, dict.fromkeys(SUMS, count), {1: count}, {})

    found = {repr(row.keys): row for row in added([one("a", 1), one(1, 2), one("a", 4), one(True, 8)])}
    assert {keys: (row.values["requests"], row.duration_hist) for keys, row in found.items()} == {
        "('a',)": (5, {1: 5}),
        "(1,)": (2, {1: 2}),
        "(True,)": (8, {1: 8}),
    }
