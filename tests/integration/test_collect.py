"""The whole way that is there: an instrumented program, the SDK, OTLP, `llm-obs collect`, the log, `llm-obs log`."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from commands import COMMAND, FREE, serving

PROGRAM = """
import sys, llm_obs_sdk
llm_obs_sdk.init(service_name="shop", endpoint=sys.argv[1], instrument=())
call = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
with llm_obs_sdk.span("answer", **call, **{"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 10}):
    with llm_obs_sdk.span("lookup", note="ask jane@mail.example"):
        pass
result = llm_obs_sdk.flush()
print(result.ok, result.exported)
llm_obs_sdk.shutdown()
"""


def collecting(data: Path, **environ: str) -> AbstractContextManager[tuple[dict[str, str], subprocess.Popen[str]]]:
    return serving("collect", "--data-dir", str(data), cwd=data.parent, environ=environ)


def logged(data: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*COMMAND, "log", "--json", "--data-dir", str(data)],
        capture_output=True,
        text=True,
        check=True,
        cwd=data.parent,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def get(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}{path}") as answer:
        text: str = answer.read().decode()
        return text


def test_a_programs_spans_are_found_in_the_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with collecting(data) as (addresses, child):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, f"http://{addresses['http']}"], capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("True 2\n", "")
        assert get(addresses["http"], "/readyz") == "ready\n"
        metrics = get(addresses["http"], "/metrics")
        assert "llm_obs_received_items_total 2.0" in metrics
        assert 'llm_obs_ledger_items_total{reason="",state="logged"} 2.0' in metrics
        assert 'llm_obs_scrubbed_values_total{pattern="email"} 1.0' in metrics
        assert 'llm_obs_priced_calls_total{provider="openai"} 1.0' in metrics
    assert child.returncode == 0
    spans = {span["name"]: span for span in logged(data)}
    assert set(spans) == {"answer", "lookup"}
    assert spans["lookup"]["parent_span_id"] == spans["answer"]["span_id"]
    assert spans["lookup"]["attributes"]["note"] == "ask [REDACTED:email]"
    assert spans["answer"]["attributes"]["llm_obs.usage.role"] == "leaf"
    assert spans["answer"]["attributes"]["llm_obs.cost.total_nano_usd"] == 2_600_000
    assert spans["answer"]["resource"]["service.name"] == "shop"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LLM_OBS_RECEIVER__HTTP__LISTEN": "0.0.0.0:0"}, "receiver.http.listen"),
        ({"LLM_OBS_SCRUB__SCRUBBERS": "['nobody']"}, "a scrubber out of: pii"),
        ({"LLM_OBS_SERVER__DATA_DIR": "/dev/null"}, "server.data_dir"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path: Path, environ: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [*COMMAND, "collect"], capture_output=True, text=True, check=False, cwd=tmp_path, env={**FREE, **environ}
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.startswith("error: expected ")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_and_a_second_process_name_the_repair(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with collecting(data) as (addresses, _):
        with collecting(data) as (_, second):
            assert second.stderr is not None
            assert "no other process has open" in second.stderr.read()
        with collecting(tmp_path / "other", LLM_OBS_RECEIVER__HTTP__LISTEN=addresses["http"]) as (_, third):
            assert third.stderr is not None
            assert "(at receiver.http.listen); stop what listens there" in third.stderr.read()
