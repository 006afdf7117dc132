"""Spans on disk while the collector is away."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time

import llm_obs_sdk as sdk
import pytest
from llm_obs_core.errors import ConfigError
from llm_obs_sdk.spool import Spool

AWAY = (503, {"Retry-After": "0"}, b"")
HERE = (200, {}, b"")


def exact(result):
    return result.created + result.recovered == result.exported + result.queued + result.spooled + sum(
        result.dropped.values()
    )


def files(folder):
    return sorted(path for path in folder.rglob("*.otlp"))


@pytest.fixture
def start(collector, tmp_path, monkeypatch):
    monkeypatch.setattr("llm_obs_sdk.delivery.backoff_s", lambda attempt, asked=0.0: 0.001)
    monkeypatch.setattr("llm_obs_sdk.backlog.backoff_s", lambda attempt, asked=0.0: 0.02)

    def start(**options):
        given = {"spool_dir": str(tmp_path), "endpoint": collector.url, "instrument": (), **options}
        return sdk.init("t", **given)

    return start


def spans(client, *names):
    for name in names:
        client.tracer.start_span(name, attributes={"text": "x" * 500}).end()


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_waits_is_on_disk_and_goes_when_the_collector_is_back(start, collector, tmp_path):
    collector.answer = lambda attempt: AWAY
    client = start()
    for name in "abc":
        spans(client, name)
        result = sdk.flush(5)
        assert not result.ok
        assert exact(result)
    assert (result.spooled, result.queued, result.exported, client.delivery.queue.queued_bytes) == (3, 0, 0, 0)
    assert len(files(tmp_path)) == 3
    collector.answer = lambda attempt: HERE
    until(lambda: client.ledger().exported == 3)  # by itself
    spans(client, "d")
    result = sdk.flush(5)
    assert exact(result)
    assert (result.ok, result.exported, result.spooled) == (True, 4, 0)
    assert [span.name for span in collector.spans()] == ["a", "b", "c", "d"]
    assert files(tmp_path) == []
    sdk.shutdown(1)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_files_are_the_owners_alone_and_hold_no_key(start, collector, tmp_path):
    collector.answer = lambda attempt: AWAY
    spans(start(api_key="s3cr3t-key", headers={"x-other": "s3cr3t-header"}), "a")
    sdk.flush(5)
    for path in tmp_path.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        assert "s3cr3t" not in str(path)
        if path.is_file():
            assert b"s3cr3t" not in path.read_bytes()
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_restart_takes_over_exactly(start, collector, compression):
    collector.answer = lambda attempt: AWAY
    spans(start(compression=compression), "a", "b")
    first = sdk.shutdown(5)
    assert exact(first)
    assert (first.spooled, first.dropped) == (2, {})
    client = start(compression=compression)
    assert (client.ledger().recovered, client.ledger().spooled) == (2, 2)
    assert exact(client.ledger())
    spans(client, "c")
    collector.answer = lambda attempt: HERE
    result = sdk.flush(5)
    assert exact(result)
    assert (result.created, result.recovered, result.exported, result.spooled) == (1, 2, 3, 0)
    assert [span.name for span in collector.spans()] == ["a", "b", "c"]


def test_disk_is_bounded_and_the_rest_stays_in_memory(start, collector, tmp_path):
    collector.answer = lambda attempt: AWAY
    client = start(spool_bytes=3000, batch_bytes=1024)
    spans(client, *(f"s{number}" for number in range(20)))
    until(lambda: client.ledger().spooled)
    result = sdk.flush(0.3)
    assert exact(result)
    assert 0 < result.spooled < 20
    assert result.spooled + result.queued == 20
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 3000
    result = sdk.shutdown(0.2)
    assert exact(result)
    assert result.dropped["shutdown"] == 20 - result.spooled


def test_what_the_collector_refuses_later_is_dropped_and_counted(start, collector):
    collector.answer = lambda attempt: AWAY
    spans(start(), "a")
    sdk.flush(5)
    collector.answer = lambda attempt: (400, {}, b"")
    result = sdk.flush(5)
    assert (result.dropped, result.spooled) == ({"http_400": 1}, 0)
    assert exact(result)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:-1] + bytes([data[-1] ^ 255])]
)
def test_a_damaged_file_is_counted_and_the_others_go(start, collector, tmp_path, damage):
    collector.answer = lambda attempt: AWAY
    client = start()
    for name in "ab":
        spans(client, name)
        sdk.flush(5)
    first = files(tmp_path)[0]
    first.write_bytes(damage(first.read_bytes()))
    collector.answer = lambda attempt: HERE
    result = sdk.flush(5)
    assert (result.dropped, result.exported, result.spooled) == ({"spool_damaged": 1}, 1, 0)
    assert exact(result)


def test_a_disk_that_is_full_keeps_spans_in_memory(start, collector, monkeypatch):
    collector.answer = lambda attempt: AWAY
    client = start()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llm_obs_sdk.spool.sync_directory", full)
    spans(client, "a")
    result = sdk.flush(0.3)
    assert (result.queued, result.spooled) == (1, 0)
    monkeypatch.undo()
    collector.answer = lambda attempt: HERE
    assert sdk.flush(5).exported == 1


def test_living_processes_keep_theirs(tmp_path):
    first, second = (Spool(str(tmp_path), "http://a/v1/traces", 1 << 20) for _ in range(2))
    assert first.put(b"body", "", 7)
    assert second.adopt() == 0
    assert Spool(str(tmp_path), "http://b/v1/traces", 1 << 20).adopt() == 0
    first.close()
    assert second.adopt() == 7
    assert Spool.read(second.oldest()) == (b"body", "")
    second.remove(second.oldest())
    second.close()
    second.close()


def test_a_folder_that_others_may_write_to_is_refused(start, tmp_path, collector):
    client = start()
    (top,) = tmp_path.iterdir()
    sdk.shutdown(1)
    top.mkdir(exist_ok=True)
    top.chmod(0o777)
    with pytest.raises(ConfigError, match="only its owner"):
        start()
    top.chmod(0o700)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="spool_dir"):
        start(spool_dir=str(tmp_path / "file"))
    assert client.ledger().created == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_folder_of_its_own(start, collector, tmp_path):
    collector.answer = lambda attempt: AWAY
    client = start()
    spans(client, "parent")
    sdk.flush(5)
    if (pid := os.fork()) == 0:
        try:
            spans(client, "child")
            result = sdk.shutdown(5)
            os._exit(0 if (result.created, result.spooled, result.recovered) == (1, 1, 0) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(files(tmp_path)) == 2
    collector.answer = lambda attempt: HERE
    assert sdk.flush(5).exported == 1
    sdk.shutdown(1)
    assert start().ledger().recovered == 1


PROGRAM = """
import sys, time
import llm_obs_sdk as sdk
client = sdk.init("t", endpoint=sys.argv[1], spool_dir=sys.argv[2], instrument=(), flush_interval_s=0.05)
number = 0
while True:
    client.tracer.start_span(f"{sys.argv[3]}.{number}").end()
    number += 1
    print(client.ledger().spooled, flush=True)
    time.sleep(0.002)
"""


def test_what_is_on_disk_survives_kill_9(tmp_path, collector):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        spooled = 0
        for round in range(3):
            args = [sys.executable, "-c", PROGRAM, url, str(tmp_path), str(round)]
            with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
                target = spooled + 20
                for line in child.stdout:
                    if int(line) > target:
                        spooled = int(line)
                        break
                child.send_signal(signal.SIGKILL)
        held = sum(int(path.stem.rsplit("-", 1)[1]) for path in files(tmp_path))
        assert held >= spooled
        client = sdk.init("t", endpoint=url, spool_dir=str(tmp_path), instrument=())
        assert client.ledger().recovered == held
        assert exact(client.ledger())
        sdk.shutdown(0.2)
