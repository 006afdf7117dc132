"""`traces`, `spans`, `sessions`: flags and `--where` narrow them alike, tables are for people, `--json` is exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from asking import installed
from click.testing import CliRunner, Result
from llm_obs import reading
from llm_obs.commands.sessions import sessions
from llm_obs.commands.spans import spans
from llm_obs.commands.traces import traces
from llm_obs.narrowing import narrowed
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import And, text
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_span, make_traces

EMPTY = dict.fromkeys(("where", "error", "since", "until"))


@pytest.fixture(name="run")
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("llm_obs.serving.configure_logs", lambda: None)  # of this process, which has other tests
    store = MemoryStore()
    store.add(make_traces(40))
    store.add([make_span(9_000, name="\x1b[2Jevil", attributes={"gen_ai.conversation.id": "one\ntwo"})])
    plugins = installed({"memory": MemoryReader(store)})
    monkeypatch.setattr(reading.plugins, "load", lambda: plugins)
    file = tmp_path / "llm-obs.toml"
    file.write_text("[readers.memory]\n")

    def run(command: Any, *arguments: str) -> Result:
        return CliRunner().invoke(command, ["--config", str(file), *arguments], catch_exceptions=False)

    return run


@pytest.mark.parametrize(
    ("given", "of_traces", "of_spans"),
    [
        ({}, "", ""),
        ({"where": "cost > 1"}, "cost_nano_usd > 1000000000", "cost_nano_usd > 1000000000"),
        ({"name": "a b"}, 'trace.name contains "a b"', 'name contains "a b"'),
        ({"error": True}, "trace.error_count > 0", "error = true"),
        ({"error": False, "user": "u"}, 'user_id = "u" and trace.error_count = 0', 'user_id = "u" and error = false'),
        ({"model": "m"}, *['request_model = "m" or response_model = "m"'] * 2),
        ({"min_duration": "250ms"}, "trace.duration_ns >= 250000000", "duration_ns >= 250000000"),
        ({"min_cost": 0.01}, "trace.cost_nano_usd >= 10000000", "cost_nano_usd >= 10000000"),
        ({"trace": "0AF"}, *['trace_id starts_with "0af"'] * 2),
        (
            {"where": "a.b = 1 or tags = x".replace("a.b", "metadata.b"), "service": "s"},
            *['(metadata.b = 1 or tags = "x") and service = "s"'] * 2,
        ),
    ],
)
def test_flags_are_conditions(given: dict[str, Any], of_traces: str, of_spans: str) -> None:
    assert text(narrowed(EMPTY | given).where) == of_traces
    assert text(narrowed(EMPTY | given, spans=True).where) == of_spans


def test_nothing_given_is_everything() -> None:
    assert narrowed(EMPTY).where == And()
    assert narrowed(EMPTY).all
    assert not narrowed(EMPTY | {"since": "2h"}).all


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"where": "mdel = 1"}, r"got 'mdel' \(at --where, character 1\)"),
        ({"trace": "xyz"}, "up to 32 hexadecimal digits, got 'xyz' .at --trace."),
        ({"min_duration": "soon"}, "--min-duration"),
        ({"since": "yesterday"}, "--since"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(LlmObsError, match=message):
        narrowed(EMPTY | given)


def test_the_lists_agree(run: Any) -> None:
    where = ("--where", "error = true or model = gpt-4o", "--limit", "10000", "--json")
    listed = {name: json.loads(run(command, *where).stdout) for name, command in COMMANDS.items()}
    of_spans = {row["traceId"] for row in listed["spans"]}
    assert of_spans == {row["id"] for row in listed["traces"]}
    assert {row["sessionId"] for row in listed["sessions"]} == {row["sessionId"] for row in listed["traces"]}
    starts = [int(row["span"]["startNs"]) for row in listed["spans"]]
    assert starts == sorted(starts, reverse=True)


COMMANDS = {"traces": traces, "spans": spans, "sessions": sessions}


def test_content_is_found_by_words_and_printed_where_it_is_wanted(run: Any) -> None:
    where = ("--where", "content.input search 'the order'", "--json")
    for content in ((), ("--content",)):
        rows = json.loads(run(spans, *where, *content).stdout)
        assert rows
        bodies = [item["body"] for row in rows for item in row["span"]["content"]]
        assert all((body is not None) == bool(content) for body in bodies)


@pytest.mark.parametrize("name", COMMANDS)
def test_tables_are_for_people(run: Any, name: str) -> None:
    shown = run(COMMANDS[name], "--limit", "5").stdout
    assert len(shown.splitlines()) >= 7
    assert "\x1b[2J" not in shown
    assert "one\ntwo" not in shown
    nothing = run(COMMANDS[name], "--user", "nobody").stdout
    assert nothing.strip() == f"no {name.removesuffix('s')} matches; leave a condition out, or widen --since"
