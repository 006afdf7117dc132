"""The command line: answers for people and machines, mistakes without a traceback."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from llm_obs_collector.sinks.letters import DeadLetters, Letter
from llm_obs_core.config import keys
from llm_obs_core.model import Position


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from llm_obs.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=60)


def test_config_keys_lists_every_key(tmp_path: Path) -> None:
    done = run("config", "keys", "--json", cwd=tmp_path)
    assert [row["key"] for row in json.loads(done.stdout)] == [key.path for key in keys()]
    (line,) = [line for line in run("config", "keys", cwd=tmp_path).stdout.splitlines() if line.startswith("sinks ")]
    assert line.split()[:3] == ["sinks", "table", "lake"]


def test_the_list_of_commands_says_whole_sentences(tmp_path: Path) -> None:
    lines = run("--help", cwd=tmp_path).stdout.partition("Commands:\n")[2].splitlines()
    assert len(lines) >= 12
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


def test_a_wrong_file_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "llm-obs.toml").write_text("[receiver.grpc]\nlisen = 'x'\n")
    done = run("config", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "did you mean receiver.grpc.listen" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[[pricing.rules]]\nmodel='x'\ninput='-1'\n", "pricing.rules[0].input"),
        ("[[pricing.rules]]\nmodel='x'\nwrong='1'\n", "wrong"),
        ("[normalize]\nnormalizers=['other']\n", "normalize.normalizers"),
        ("[normalize.options.genia]\nx=1\n", "normalize.options.genia"),
        ("[pricing.options.bundeld]\nx=1\n", "pricing.options.bundeld"),
        ("[scrub]\nscrubbers=['other']\n", "scrub.scrubbers"),
        ("[scrub.options.pi]\npatterns={x='y'}\n", "scrub.options.pi"),
        ("[scrub.options.pii]\npatterns={x='('}\n", "scrub.options.pii"),
        ("[receiver]\nmax_in_flight_bytes=1\n", "receiver.max_in_flight_bytes"),
        ("[readers.lake]\nenabled=false\n", "readers"),
        ("[query]\nlisten='0.0.0.0:1'\n", "query.listen"),
        ("[sinks.lake.options]\nthreads=100000\n", "sinks.lake.options.threads"),
        (f"[[auth.keys]]\nid='a'\nsha256='{'0' * 64}'\n[[auth.keys]]\nid='b'\nsha256='{'0' * 64}'\n", "auth.keys[1]"),
        (f"[[auth.keys]]\nid='a'\nsha256='{'0' * 64}'\n[[auth.keys]]\nid='a'\nsha256='{'1' * 64}'\n", "auth.keys[1]"),
    ],
)
def test_rules_and_components_are_checked_too(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "llm-obs.toml").write_text(text)
    done = run("config", "check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert where in done.stderr


@pytest.mark.parametrize(
    ("module", "command"),
    [("llm_obs_collector", "up"), ("llm_obs_collector", "collect"), ("llm_obs_query", "traces"), ("uvloop", "up")],
)
def test_what_is_not_installed_is_named(tmp_path: Path, module: str, command: str) -> None:
    hide = f"import sys; sys.modules[{module!r}] = None; from llm_obs.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", hide, command], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: expected {module}")
    assert "llm-obs[server]" in done.stderr


def test_a_right_file_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[receiver.grpc]\nlisten = '127.0.0.1:0'\n")
    done = run("config", "check", "mine.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "mine.toml can be used\n")


def test_what_was_checked_is_named(tmp_path: Path) -> None:
    assert run("config", "check", cwd=tmp_path).stdout == "no llm-obs.toml here; the defaults can be used\n"
    (tmp_path / "llm-obs.toml").touch()
    assert run("config", "check", cwd=tmp_path).stdout == "llm-obs.toml can be used\n"


def test_a_store_that_is_no_folder_is_found_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "llm-obs.toml").write_text("[sinks.lake.options]\npath = 'file'\n")
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode == 2
    assert "sinks.lake.options" in done.stderr


def test_plugins_names_the_built_in_ones(tmp_path: Path) -> None:
    rows = json.loads(run("plugins", "--json", cwd=tmp_path).stdout)
    assert {"genai", "bundled"} <= {row["name"] for row in rows}
    assert [row for row in rows if "could not be loaded" in row["meaning"]] == []


@pytest.mark.parametrize(("rules", "expected"), [("", "2.5"), ("[[pricing.rules]]\nmodel='gpt-4o'\ninput=7\n", "7")])
def test_price_reads_the_table_and_the_users_rules(tmp_path: Path, rules: str, expected: str) -> None:
    (tmp_path / "llm-obs.toml").write_text(rules)
    rows = json.loads(run("price", "openai", "gpt-4o", "--json", cwd=tmp_path).stdout)
    assert {row["tokens"]: row["usd_per_million"] for row in rows}["input_uncached"] == expected


def test_price_explains_a_call(tmp_path: Path) -> None:
    call = ("price", "openai", "gpt-4o", "--day", "2026-11-01", "--input", "1000", "--output", "200", "--cached", "300")
    *parts, total = json.loads(run(*call, "--json", cwd=tmp_path).stdout)
    assert [(row["tokens"], row["count"], row["usd"]) for row in parts] == [
        ("input_uncached", 700, "0.001750000000"),
        ("cache_read", 300, "0.000375000000"),
        ("output_text", 200, "0.002000000000"),
    ]
    assert (total["tokens"], total["count"], total["usd"]) == ("total", 1200, "0.004125000")
    assert total["price"].startswith("genai-prices/")
    (tmp_path / "llm-obs.toml").write_text("[[pricing.rules]]\nmodel='gpt-4o'\ninput=7\noutput=1\n")
    assert "rule/0/*/gpt-4o" in run(*call, cwd=tmp_path).stdout


def test_parts_are_within_their_total_and_a_tier_needs_a_price(tmp_path: Path) -> None:
    done = run("price", "openai", "gpt-4o", "--input", "1", "--cached", "2", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--cached" in done.stderr
    assert "gpt-4o scale" in run("price", "openai", "gpt-4o", "--tier", "scale", cwd=tmp_path).stderr


def test_an_unknown_model_names_the_repair(tmp_path: Path) -> None:
    done = run("price", "openai", "gpt-99", cwd=tmp_path)
    assert done.returncode == 2
    assert "[[pricing.rules]]" in done.stderr


def test_a_strangers_answer_is_no_traceback(tmp_path: Path) -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(1_000)
            connection.sendall(b"220 hello\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        for url in (address, "junk", "http://127.0.0.1:99999"):
            done = run("ledger", "--url", url, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("error: expected a collector that answers")
        thread.join()


def test_a_file_that_is_no_letter_hides_none(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "llm-obs-data", "lake")
    letters.put(Letter.of("lake", Position("local", 0, 3), "default", 1, b"spans", 1, "refused", "too long"), b"spans")
    (letters.path / "junk.letter").write_bytes(b"x")
    done = run("dead-letters", "--json", cwd=tmp_path)
    assert [row["id"] for row in json.loads(done.stdout)] == ["local-0-3-refused"]
    assert "junk.letter" in done.stderr
    assert "Traceback" not in done.stderr
