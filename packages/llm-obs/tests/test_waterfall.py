"""A trace as a tree: every span once, children under parents, rings and orphans survived."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from llm_obs.conversation import said
from llm_obs.waterfall import Row, bar, lines
from llm_obs_core.interfaces import ContentItem


def trace(parents: list[int | None]) -> list[Row]:
    return [{"span_id": number, "parent_span_id": parent} for number, parent in enumerate(parents, 1)]


@given(st.lists(st.none() | st.integers(1, 12), min_size=1, max_size=10))
def test_every_span_has_one_line(parents: list[int | None]) -> None:
    assert sorted(line.row["span_id"] for line in lines(trace(parents))) == list(range(1, len(parents) + 1))


def test_branches_and_orphans() -> None:
    drawn = [(line.branches, line.orphan, line.row["span_id"]) for line in lines(trace([None, 1, 2, 1, 99]))]
    assert drawn == [
        ("", False, 1),
        ("├─ ", False, 2),
        ("│  └─ ", False, 3),
        ("└─ ", False, 4),
        ("", True, 5),
    ]


def test_a_deep_trace_needs_no_deep_stack() -> None:
    assert sum(1 for _ in lines(trace([None, *range(1, 3000)]))) == 3000


@given(st.integers(-50, 200), st.integers(0, 200), st.integers(1, 60))
def test_a_bar_is_never_empty_nor_too_wide(start: int, length: int, width: int) -> None:
    drawn = bar(start, length, 0, 100, width)
    assert drawn.strip()
    assert len(drawn) <= width + 1


def item(body: str | None) -> ContentItem:
    return ContentItem("input", 0, bytes(16), body, 12)


def test_messages_of_every_shape_are_read() -> None:
    chat = (
        '{"role":"user","parts":[{"type":"text","content":"hi"},{"type":"tool_call","name":"f","arguments":{"a":1}}]}'
    )
    assert [tuple(part) for part in said(item(chat))] == [("user", "hi"), ("user", 'f({"a": 1})')]
    assert [tuple(part) for part in said(item('{"role":"system","content":"be brief"}'))] == [("system", "be brief")]
    assert [tuple(part) for part in said(item("plain"))] == [("input", "plain")]
    assert [tuple(part) for part in said(item(None))] == [("input", "(12 bytes, not kept or not to be seen)")]
    assert next(said(item('{"order": 3}'))).text == '{\n  "order": 3\n}'


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["role", "parts", "content", "type", "text", "function", "tool_calls"]), inner
            )
        ),
    )
)
def test_no_message_breaks_the_reading(value: object) -> None:
    import json

    list(said(item(json.dumps(value))))
