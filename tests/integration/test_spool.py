"""A collector that goes away and comes back, a program that is killed in between: every span on disk arrives, once."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-c", "from llm_obs.cli import main; main()"]

PROGRAM = """
import sys, llm_obs_sdk
spool, endpoint, spans = sys.argv[1:]
client = llm_obs_sdk.init(
    "shop", endpoint=endpoint, spool_dir=spool, instrument=(), flush_interval_s=0.05, sample_rate=0.0, keep_slow_s=0
)
for number in range(int(spans)):
    with llm_obs_sdk.span(f"fine {number}"):
        pass
    try:
        with llm_obs_sdk.span("answer"), llm_obs_sdk.span("fails"):
            raise LookupError
    except LookupError:
        pass
result = llm_obs_sdk.flush(10)
print(result.created, result.recovered, result.exported, result.spooled, result.sampled_out, flush=True)
if result.spooled:
    sys.stdin.read()  # until it is killed
llm_obs_sdk.shutdown(5)
"""


@contextmanager
def collecting(data: Path, port: int) -> Iterator[str]:
    environ = {
        "LLM_OBS_RECEIVER__HTTP__LISTEN": f"127.0.0.1:{port}",
        "LLM_OBS_RECEIVER__GRPC__LISTEN": "127.0.0.1:0",
    }
    command = [*COMMAND, "collect", "--json", "--data-dir", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=data.parent, env=environ) as child:
        assert child.stdout is not None
        try:
            yield json.loads(child.stdout.readline())["http"]
        finally:
            child.send_signal(signal.SIGINT)
            child.wait(30)


def run(spool: Path, endpoint: str, spans: int, *, kill: bool) -> list[int]:
    """The program's own ledger; it is killed when it has told it, or ends by itself."""
    command = [sys.executable, "-c", PROGRAM, str(spool), endpoint, str(spans)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout is not None
        found = [int(part) for part in child.stdout.readline().split()]
        if kill:
            child.kill()
    return found


def test_a_kept_trace_outlives_collector_and_process(tmp_path: Path) -> None:
    spool, data = tmp_path / "spool", tmp_path / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    assert run(spool, endpoint, 10, kill=True) == [20, 0, 0, 20, 10]
    assert run(spool, endpoint, 5, kill=True) == [10, 20, 0, 30, 5]
    with collecting(data, port):
        assert run(spool, endpoint, 1, kill=False) == [2, 30, 32, 0, 1]
        assert run(spool, endpoint, 1, kill=False) == [2, 0, 2, 0, 1]
    log = subprocess.run(
        [*COMMAND, "log", "--json", "--last", "99", "--data-dir", str(data)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    spans = [json.loads(line) for line in log.stdout.splitlines()]
    assert len(spans) == len({span["span_id"] for span in spans}) == 34
    assert {span["attributes"]["llm_obs.sampling.kept_by"] for span in spans} == {"error"}
    assert {span["name"] for span in spans} == {"answer", "fails"}
    assert not list(spool.rglob("*.otlp"))
