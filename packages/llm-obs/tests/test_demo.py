"""`llm-obs demo`: one command, a summary out of the store, and the provider's own count beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from llm_obs.demo.report import compare, figures
from llm_obs.demo.screen import show
from llm_obs.demo.tickets import make_tickets
from llm_obs_core.interfaces import AggregateRow
from llm_obs_core.model import MEASURE_VALUES
from llm_obs_testing.imitation import Entry
from rich.console import Console

COMMAND = [sys.executable, "-c", "from llm_obs.cli import main; main()", "demo"]


def row(model: str, user: str | None, **values: int) -> AggregateRow:
    zeros = {column.name: 0 for column in MEASURE_VALUES if column.type != "histogram"}
    return AggregateRow((model, user, "app", model, None, 200), None, zeros | values, {}, {})


def test_store_and_provider_are_compared_number_by_number() -> None:
    rows = [row("m", "ann", requests=2, input_tokens=10), row("m", "ann", requests=1, input_tokens=5), row("n", None)]
    entries = {("m", "ann"): Entry(calls=3, input_tokens=15), ("m", "bob"): Entry(attempts=1)}
    assert compare(rows, entries) == ()
    entries["m", "ann"].nano_usd = 1
    entries["o", "eve"] = Entry(calls=1)
    found = compare(rows, entries)
    assert [(item.model, item.user, item.field, item.store, item.provider) for item in found] == [
        ("m", "ann", "nano_usd", 0, 1),
        ("o", "eve", "calls", 0, 1),
    ]


def test_figures_of_nothing_are_nothing() -> None:
    found = figures([])
    assert (found.calls, found.tokens_per_s, found.duration_s["p50"]) == (0, None, None)


def test_the_work_is_the_same_every_time() -> None:
    tickets = make_tickets()
    assert tickets == make_tickets()
    assert len(tickets) == 204
    assert {ticket.scene for ticket in tickets} == {"agent", "search", "summary", "triage", "review"}


@pytest.fixture(scope="module")
def taken() -> object:
    """The usual port of the query API is taken: the demo takes another."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind(("127.0.0.1", 4319))
            held.listen()
        except OSError:  # somebody else has it: as good
            pass
        yield


def test_the_demo_agrees_with_the_provider_and_can_run_again_over_the_same_data(tmp_path: Path, taken: object) -> None:
    for _ in range(2):
        done = subprocess.run(
            [*COMMAND, "--json", "--exit", "--data-dir", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=120,
            env=os.environ | {"OTEL_SDK_DISABLED": "true", "OPENAI_BASE_URL": "http://127.0.0.1:9"},
        )
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        total = found["report"]["total"]
        assert found["report"]["differences"] == []
        assert found["addresses"]["query"] != "127.0.0.1:4319"
        assert total["calls"] == found["ledger"]["total"]["calls"] == 320
        assert total["nano_usd"] == found["ledger"]["total"]["nano_usd"] > 0
        assert total["unpriced"] == 0
        assert {(kind, status) for kind, status, _ in found["report"]["failures"]} == {
            ("BadRequestError", 400),
            ("InternalServerError", 500),
            ("APIConnectionError", 200),
        }
        assert found["attempts"] > total["calls"]
        assert found["report"]["traces"] == 204
        assert found["report"]["slowest"]["duration_s"] > 5
        assert found["report"]["example"] is not None
        assert {"helpdesk", "shop-search", "backoffice"} == set(found["report"]["by_application"])


def test_ctrl_c_ends_it_in_the_middle_and_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as child:
        assert child.stdout is not None
        while "provider" not in child.stdout.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=60)
    assert (child.returncode, stderr) == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits(width: int) -> None:
    from llm_obs.demo.report import Found, Report
    from llm_obs.demo.run import Outcome

    some = figures([row("gpt-5-mini", "ann", requests=3, errors=1, input_tokens=20_000, cost_nano_usd=1_234_567_890)])
    report = Report(
        some,
        {"gpt-5-mini": some, "text-embedding-3-small": figures([])},
        {"ann": some},
        {"app": some},
        (("RateLimitError", 429, 1), ("APIConnectionError", None, 2)),
        1,
        Found("ab" * 16, 1.0),
        None,
        (),
    )
    addresses = {"http": "127.0.0.1:1", "query": "127.0.0.1:2"}
    outcome = Outcome(report, {}, 4, 9, addresses, "http://127.0.0.1:2/", "data", "demo", 1.0, 2.0)
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115 - closed below
    show(console, outcome, stays=True)
    console.file.close()
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "$1.234567890 agree exactly" in text
