"""SIGKILL of a whole `llm-obs up` under load: what was acknowledged is in the lake, once, and the next start goes on.

`LLM_OBS_KILL_ROUNDS` sets the number of rounds.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span

ROUNDS = int(os.environ.get("LLM_OBS_KILL_ROUNDS", "5"))
SENDERS = 4
SPANS = 40
COMMAND = [sys.executable, "-c", "from llm_obs.cli import main; main()"]
ENVIRON = {
    "PATH": os.environ["PATH"],
    "LLM_OBS_RECEIVER__HTTP__LISTEN": "127.0.0.1:0",
    "LLM_OBS_RECEIVER__GRPC__ENABLED": "false",
    "LLM_OBS_QUERY__LISTEN": "127.0.0.1:0",
    "LLM_OBS_LOG__SEGMENT_BYTES": "200000",
    "LLM_OBS_SINKS__LAKE__OPTIONS__MERGE_INTERVAL_S": "0.3",
}


class Sender(threading.Thread):
    """Posts requests one after the other until the connection breaks; remembers which were acknowledged."""

    def __init__(self, address: str, first: int, unanswered: list[bytes]) -> None:
        super().__init__()
        self.address = address
        self.first = first
        self.again = unanswered
        self.acknowledged: list[bytes] = []
        self.unanswered: list[bytes] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        number = self.first
        try:
            while True:
                body = self.again.pop() if self.again else self.fresh(number)
                number += SPANS
                self.unanswered.append(body)
                connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.acknowledged.append(self.unanswered.pop())
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def fresh(self, number: int) -> bytes:
        return request([make_span(number + place, attributes={"filler": "x" * 500}) for place in range(SPANS)])


def start(data: Path) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [*COMMAND, "up", "--json", "--data-dir", str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRON,
        cwd=data.parent,
    )
    assert child.stdout is not None
    return child, json.loads(child.stdout.readline())["http"]


def ledger(address: str) -> Any:
    with urllib.request.urlopen(f"http://{address}/ledger") as answer:
        return json.load(answer)


def numbers_of(body: bytes) -> set[int]:
    from llm_obs_core_ext.scan import scan

    return {int.from_bytes(span.span_id, "big") for span in scan(body).spans()}


def in_the_lake(data: Path) -> Counter[int]:
    catalog = sqlite3.connect(f"file:{data}/lake/catalog.sqlite?mode=ro", uri=True)
    try:
        rows = catalog.execute("SELECT path FROM segments WHERE kind = 'spans' AND state = 'live'").fetchall()
    finally:
        catalog.close()
    found: Counter[int] = Counter()
    for (path,) in rows:
        ids = pq.read_table(data / "lake" / "segments" / path, columns=["span_id"])["span_id"].to_pylist()
        found.update(int.from_bytes(item, "big") for item in ids)
    return found


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    assert child.stdout is not None
    child.stdout.close()


def test_no_acknowledged_span_is_lost_and_none_is_stored_twice(tmp_path: Path) -> None:
    data = tmp_path / "data"
    dice = random.Random(11)
    acknowledged: list[bytes] = []
    unanswered: list[bytes] = []
    for round_number in range(ROUNDS):
        child, address = start(data)
        try:
            first = 1 + round_number * 100_000_000
            senders = [
                Sender(address, first + place * 10_000_000, unanswered[place::SENDERS]) for place in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            time.sleep(dice.uniform(0.05, 2.5))
        finally:
            kill(child)
        for sender in senders:
            sender.join()
        acknowledged += [body for sender in senders for body in sender.acknowledged]
        unanswered = [body for sender in senders for body in (*sender.unanswered, *sender.again)]
    child, address = start(data)
    try:
        for body in unanswered:
            sent = urllib.request.Request(
                f"http://{address}/v1/traces", body, {"Content-Type": "application/x-protobuf"}
            )
            urllib.request.urlopen(sent).close()
        acknowledged += unanswered
        for _ in range(600):
            counts = ledger(address)["sinks"]["lake"]["counts"]
            if not counts["queued"] + counts["undecided"]:
                break
            time.sleep(0.1)
        assert ledger(address)["exact"]
        assert counts["queued"] == counts["undecided"] == counts["lost"] == 0
        assert counts["dead_letter"] == {}
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
        assert child.stdout is not None
        child.stdout.close()
    stored = in_the_lake(data)
    sent = set().union(*map(numbers_of, acknowledged))
    assert len(acknowledged) > ROUNDS
    assert sent - set(stored) == set()
    assert [number for number, times in stored.items() if times > 1] == []
    print(f"{ROUNDS} rounds, {len(sent)} spans acknowledged, {len(stored)} stored")
