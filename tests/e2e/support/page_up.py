"""A real `llm-obs up` with the lake in a process of its own, sent what the page is looked at with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_obs_core.model import Span
from llm_obs_testing.otlp import request

FREE = {
    "LLM_OBS_RECEIVER__HTTP__LISTEN": "127.0.0.1:0",
    "LLM_OBS_RECEIVER__GRPC__LISTEN": "127.0.0.1:0",
    "LLM_OBS_QUERY__LISTEN": "127.0.0.1:0",
}


@contextmanager
def up(folder: Path) -> Iterator[dict[str, str]]:
    """Its addresses by name while it runs."""
    command = [sys.executable, "-c", "from llm_obs.cli import main; main()", "up", "--json", "--data-dir"]
    with (folder / "errors").open("w") as errors:
        child = subprocess.Popen(
            [*command, str(folder / "data")], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder,
            env={"PATH": os.environ["PATH"], **FREE},
        )  # fmt: skip
        with child:
            assert child.stdout is not None
            line = child.stdout.readline()
            assert line, (folder / "errors").read_text()
            try:
                yield json.loads(line)
            finally:
                child.send_signal(signal.SIGINT)
                child.wait(60)


def send(addresses: dict[str, str], spans: Iterable[Span]) -> None:
    """Sends the spans and waits until the lake has them."""
    before = _stored(addresses)
    count = 0
    left = list(spans)
    while left:
        some, left = left[:512], left[512:]
        count += len(some)
        sent = urllib.request.Request(
            f"http://{addresses['http']}/v1/traces", request(some), {"Content-Type": "application/x-protobuf"}
        )
        with urllib.request.urlopen(sent, timeout=30) as answer:
            answer.read()
    for _ in range(600):
        if _stored(addresses) == before + count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{_stored(addresses) - before} of {count} spans are stored")


def _stored(addresses: dict[str, str]) -> int:
    with urllib.request.urlopen(f"http://{addresses['http']}/ledger", timeout=30) as answer:
        ledger: Any = json.load(answer)
    stored: int = ledger["sinks"]["lake"]["counts"].get("stored", 0)
    return stored
