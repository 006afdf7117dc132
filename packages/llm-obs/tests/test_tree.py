"""A trace in a terminal: as wide as it is, a line a span, whatever senders wrote."""

from __future__ import annotations

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs.tree import DRAWN_COLUMNS, print_tree
from llm_obs_core.interfaces import TraceSummary
from llm_obs_core.model import StatusCode
from rich.cells import cell_len
from rich.console import Console

SUMMARY = TraceSummary(
    "t", bytes(16), 0, 10**9, "n", None, True, 1, 0, 0, 0, 0, None, 0, None, (), (), None, None, None
)


def row(number: int, parent: int | None = None, **more: object) -> dict[str, object]:
    given: dict[str, object] = {"span_id": number, "parent_span_id": parent, "name": f"span {number}"}
    given |= {"start_ns": number * 10**6, "duration_ns": 10**8, "status_code": StatusCode.UNSET}
    return dict.fromkeys(DRAWN_COLUMNS) | given | more


def drawn(rows: list[dict[str, object]], columns: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_tree(Console(width=columns), SUMMARY, rows)
    return capsys.readouterr().out.splitlines()


def test_a_line_a_span(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row(1, name="POST /ask"),
        row(2, 1, name="chat gpt-4o", operation="chat", usage_role="leaf", request_model="gpt-4o", input_tokens=1200,
            output_tokens=34, ttft_ns=5 * 10**7, finish_reason="length", response_model="gpt-4o-2024-08-06"),
        row(3, 1, name="chat", operation="chat", request_model="gpt-4o", error_type="RateLimitError",
            status_message="too fast", cost_nano_usd=5_000_000),
        row(4, 99),
    ]  # fmt: skip
    head, rule, root, call, failed, orphan = drawn(rows, 160, capsys)
    assert head.split() == ["span", "time", "tokens", "cost"]
    assert set(rule) == {"─"}
    assert root.startswith("POST /ask")
    assert call.startswith("├─ chat gpt-4o ")
    assert call.endswith("1,200 → 34  no price  first token 50 ms · finish length")
    assert failed.startswith("└─ chat ")
    assert failed.endswith("$0.0050  ✗ RateLimitError: too fast gpt-4o")
    assert orphan.endswith("parent not received")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(texts, texts, st.none() | st.integers(1, 9)), min_size=1, max_size=8), st.integers(70, 200))
def test_no_line_is_too_long_nor_broken(spans: list[tuple[str, str, int | None]], columns: int) -> None:
    rows = [
        row(number, parent, name=name, error_type=error or None, finish_reason=error)
        for number, (name, error, parent) in enumerate(spans, 1)
    ]
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("click.echo", lambda text, color: written.append(text))
        print_tree(Console(width=columns, no_color=True), SUMMARY, rows)
    lines = click.unstyle(written[0]).split("\n")
    assert sum(bool(set(line) & set("▏▎▍▌▋▊▉█")) for line in lines) >= len(rows)
    assert all(cell_len(line) <= columns for line in lines)
    assert all(character.isprintable() for line in lines for character in line if character < "\x80")
