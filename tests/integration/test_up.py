"""`llm-obs up` as a person runs it: ready, fed, asked by other processes, ended; and every mistake in one line."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from commands import COMMAND, FREE, serving
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_trace


def up(data: Path, *flags: str, **environ: str) -> AbstractContextManager[tuple[dict[str, str], subprocess.Popen[str]]]:
    return serving("up", "--data-dir", str(data), *flags, cwd=data.parent, environ=environ)


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments, "--data-dir", str(data)]
    return subprocess.run(command, capture_output=True, text=True, cwd=data.parent, check=False, timeout=60)


def answer(data: Path, *arguments: str) -> Any:
    done = run(data, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def post(url: str, body: bytes, media: str) -> bytes:
    sent = urllib.request.Request(url, body, {"Content-Type": media})
    with urllib.request.urlopen(sent) as got:
        read: bytes = got.read()
        return read


def send_traces(address: str, count: int) -> int:
    traces = [make_trace(number) for number in range(1, count + 1)]
    for trace in traces:
        post(f"http://{address}/v1/traces", request(trace), "application/x-protobuf")
    return sum(map(len, traces))


def wait_until_stored(data: Path, spans: int) -> dict[str, Any]:
    for _ in range(200):
        found: dict[str, Any] = answer(data, "ledger")
        if found["sinks"]["lake"]["counts"]["stored"] == spans:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def graphql(address: str, query: str) -> Any:
    got = json.loads(post(f"http://{address}/graphql", json.dumps({"query": query}).encode(), "application/json"))
    assert "errors" not in got, got
    return got["data"]


def test_what_is_sent_is_found_by_every_door(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as (addresses, child):
        spans = send_traces(addresses["http"], 12)
        ledger = wait_until_stored(data, spans)
        assert ledger["exact"]
        listed = answer(data, "traces", "--limit", "5")
        asked = "id name service startNs durationNs spanCount errorCount inputTokens outputTokens costNanoUsd models"
        page = graphql(addresses["query"], f"{{ traces(first: 5) {{ nodes {{ {asked} }} }} }}")
        assert [{name: row[name] for name in asked.split()} for row in listed] == page["traces"]["nodes"]
        trace_id = listed[0]["id"]
        whole = answer(data, "show", trace_id)
        assert whole["summary"] == listed[0]
        asked = (
            "id parentId name kind startNs durationNs status costNanoUsd usage { inputTokens role basis } attributes"
        )
        got = graphql(addresses["query"], f'{{ trace(id: "{trace_id}") {{ spans {{ {asked} }} }} }}')["trace"]["spans"]
        for mine, theirs in zip(whole["spans"], got, strict=True):
            usage = theirs.pop("usage")
            assert {name: mine[name] for name in theirs} == theirs
            assert usage is None or usage == {name: mine["usage"][name] for name in usage}
        assert any(
            item["body"] for span in answer(data, "show", trace_id, "--content")["spans"] for item in span["content"]
        )
        for arguments in (("traces",), ("show", trace_id), ("show", trace_id, "--content"), ("ledger",)):
            done = run(data, *arguments)
            assert (done.returncode, done.stderr) == (0, "")
            assert "POST /" in done.stdout or "exact" in done.stdout
        assert answer(data, "dead-letters") == []
    assert child.returncode == 0
    assert not (data / "running.json").exists()
    assert len(answer(data, "traces", "--limit", "100")) == 12  # without a collector too
    done = run(data, "ledger")
    assert (done.returncode, "llm-obs up" in done.stderr) == (2, True)


def test_filters_and_mistakes_of_the_looking_commands(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as (addresses, _):
        wait_until_stored(data, send_traces(addresses["http"], 12))
        everything = answer(data, "traces", "--limit", "100")
        for flag, name in (("--service", "service"), ("--user", "userId"), ("--application", "application")):
            wanted = everything[0][name]
            found = answer(data, "traces", "--limit", "100", flag, wanted)
            assert [row["id"] for row in found] == [row["id"] for row in everything if row[name] == wanted]
        assert answer(data, "traces", "--since", "1m") == []
        for arguments, said in (
            (("show", "xyz"), "32 hexadecimal digits"),
            (("show", "ffff"), "none that begins with ffff"),
            (("show", "0"), "give more digits"),
            (("traces", "--since", "whenever"), "--since"),
            (("dead-letters", "--sink", "nobody"), "--sink"),
        ):
            done = run(data, *arguments)
            assert done.returncode == 2
            assert said in done.stderr
            assert "Traceback" not in done.stderr


def test_a_taken_port_names_the_flag_and_the_flag_takes_another(tmp_path: Path) -> None:
    with up(tmp_path / "one") as (first, _):
        taken = {"LLM_OBS_QUERY__LISTEN": first["query"], "LLM_OBS_RECEIVER__HTTP__LISTEN": first["http"]}
        with up(tmp_path / "two", **taken) as (_, child):
            assert child.stderr is not None
            said = child.stderr.read()
            assert "receiver.http.listen" in said
            assert "--free-ports" in said
            assert said.count("\n") == 1
        with up(tmp_path / "two", "--free-ports", **taken) as (second, _):
            assert second["query"] not in ("", first["query"])
            assert second["http"] not in ("", first["http"])


def test_an_address_that_needs_a_key_is_not_about_ports(tmp_path: Path) -> None:
    with up(tmp_path / "open", LLM_OBS_RECEIVER__HTTP__LISTEN="0.0.0.0:0") as (_, child):
        assert child.stderr is not None
        said = child.stderr.read()
        assert "[[auth.keys]]" in said
        assert "--free-ports" not in said


def test_a_second_process_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with up(tmp_path / "data"), up(tmp_path / "data") as (_, second):
        assert second.stderr is not None
        said = second.stderr.read()
    assert "no other process has open" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LLM_OBS_SERVER__DATA_DIR": "/dev/null/x"}, "/dev/null"),
        ({"LLM_OBS_SINKS__LAKE__OPTIONS__PATH": "/dev/null/x"}, "/dev/null"),
        ({"LLM_OBS_SINKS__LAKE__OPTIONS__PAHT": "x"}, "sinks.lake.options"),
        ({"LLM_OBS_SINKS__LACKE__TYPE": "lacke"}, "a sink out of: lake"),
        ({"LLM_OBS_READERS__LAKE__TYPE": "leak"}, "a reader out of: lake"),
    ],
)
def test_mistakes_are_one_line_and_config_check_finds_them_too(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    for command in (["up"], ["config", "check"]):
        done = subprocess.run(
            [*COMMAND, *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
            env={"PATH": os.environ["PATH"], **FREE, **environ},
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert done.stderr.count("\n") == 1


def test_dead_letters_are_listed_and_sent_again_with_and_without_a_collector(tmp_path: Path) -> None:
    from llm_obs_collector.sinks.letters import DeadLetters, Letter
    from llm_obs_core.model import Position

    data = tmp_path / "data"
    kept = DeadLetters(data, "lake")

    def letter(number: int) -> str:
        payload = request(make_trace(number))
        made = Letter.of(
            "lake", Position("old", 0, number), "default", 1, payload, len(make_trace(number)), "refused", "no"
        )
        kept.put(made, payload)
        return made.id

    first, second = letter(1), letter(2)
    listed = answer(data, "dead-letters")
    assert [(row["id"], row["sink"], row["cause"], row["reason"]) for row in listed] == [
        (first, "lake", "refused", "no"),
        (second, "lake", "refused", "no"),
    ]
    assert second in run(data, "dead-letters").stdout
    sent = answer(data, "dead-letters", "send", first)  # into the log, for the next start
    assert sent == [{"sink": "lake", "letters": 1, "spans": len(make_trace(1)), "unreadable": 0}]
    assert [row["id"] for row in answer(data, "dead-letters")] == [second]
    with up(data):
        wait_until_stored(data, len(make_trace(1)))
        assert answer(data, "dead-letters", "send")[0]["letters"] == 1
        assert wait_until_stored(data, len(make_trace(1)) + len(make_trace(2)))["exact"]
        assert answer(data, "dead-letters") == answer(data, "dead-letters", "send") == []
    assert {row["id"] for row in answer(data, "traces")} == {make_trace(number)[0].trace_id.hex() for number in (1, 2)}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_idle_it_takes_less_than_250_mb(tmp_path: Path) -> None:
    with up(tmp_path / "data") as (addresses, child):
        graphql(addresses["query"], "{ traces(first: 1) { nodes { id } } }")
        status = Path(f"/proc/{child.pid}/status").read_text()
    resident_kib = int(status.split("VmRSS:")[1].split()[0])
    assert resident_kib <= 250 * 1024


def test_annotations_go_from_the_socket_to_every_reader(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as (addresses, _):
        wait_until_stored(data, send_traces(addresses["http"], 2))
        (first, *_) = answer(data, "traces", "--limit", "1")
        said = [
            {"target": {"trace_id": first["id"]}, "key": "thumb", "value": "up"},
            {"target": {"trace_id": first["id"]}, "key": "thumb", "value": "down", "revision": 2},
            {"target": {"trace_id": "no"}, "key": "thumb", "value": "up"},
        ]
        answered = post(
            f"http://{addresses['http']}/v1/annotations",
            json.dumps({"annotations": said}).encode(),
            "application/json",
        )
        assert (json.loads(answered)["accepted"], json.loads(answered)["rejected"][0]["count"]) == (2, 1)
        asked = f'{{ trace(id: "{first["id"]}") {{ annotations {{ key value revision }} }} }}'
        for _ in range(100):
            if got := graphql(addresses["query"], asked)["trace"]["annotations"]:
                break
            time.sleep(0.1)
        assert [(item["key"], item["value"], item["revision"]) for item in got] == [("thumb", "down", "2")]
        found = answer(data, "traces", "--where", 'annotations.thumb = "down"')
        assert [row["id"] for row in found] == [first["id"]]
        ledger = answer(data, "ledger")
        assert ledger["exact"]
        assert ledger["collector"]["rejected"] == {"trace_id": 1}


def test_it_runs_on_another_log_by_configuration(tmp_path: Path) -> None:
    """The one in memory: what it holds ends with the process, and the store has it by then."""
    data = tmp_path / "data"
    with up(data, LLM_OBS_LOG__TYPE="memory") as (addresses, child):
        spans = send_traces(addresses["http"], 12)
        assert wait_until_stored(data, spans)["exact"]
    assert child.returncode == 0
    assert not (data / "log").exists()
    assert len(answer(data, "traces", "--limit", "100")) == 12
    done = run(data, "ledger")
    assert done.returncode == 2
