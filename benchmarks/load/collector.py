"""A real collector process under load: started, watched, asked, stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

__all__ = ["CollectorProcess", "Usage", "processes"]

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 120.0
SAMPLE_INTERVAL_S = 0.25
TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage:
    """CPU seconds and resident bytes of a process, and CPU by thread."""

    def __init__(self, pid: int) -> None:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / TICKS
        self.user_s = int(fields[11]) / TICKS
        self.resident_bytes = int(fields[21]) * PAGE_BYTES
        self.threads: dict[int, float] = {}
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                fields = (task / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # the thread has ended
                continue
            self.threads[int(task.name)] = (int(fields[11]) + int(fields[12])) / TICKS


def processes(pid: int) -> list[int]:
    """A process and its children's children."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += processes(int(child))
    return found


class CollectorProcess:
    """`llm-obs up` or `llm-obs collect` on free ports.

    Args:
        folder: Its data folder.
        command: `up` or `collect`.
        settings: Environment variables of its configuration, over the free ports.
    """

    def __init__(self, folder: Path, command: str, settings: dict[str, str]) -> None:
        self.folder = folder
        environment = os.environ | {
            "LLM_OBS_RECEIVER__HTTP__LISTEN": "127.0.0.1:0",
            "LLM_OBS_RECEIVER__GRPC__LISTEN": "127.0.0.1:0",
        }
        if command == "up":
            environment["LLM_OBS_QUERY__LISTEN"] = "127.0.0.1:0"
        self._errors = (folder.parent / "collector.err").open("w+")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from llm_obs.cli import main; main()",
                command,
                "--json",
                "--data-dir",
                str(folder),
            ],
            env=environment | settings,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.pid = self._process.pid
        self.peak_bytes = 0
        self._watching = True
        started = time.monotonic()
        timer = threading.Timer(START_TIMEOUT_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            raise SystemExit(f"the collector did not start:\n{self.errors()}")
        self.start_s = time.monotonic() - started
        self.addresses: dict[str, str] = json.loads(line)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def usage(self) -> Usage:
        """What it has used up to now."""
        return Usage(self.pid)

    def get(self, path: str, listener: str = "http") -> bytes:
        """A page of it."""
        connection = http.client.HTTPConnection(self.addresses[listener], timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise SystemExit(f"expected 200 from {path}, got {answer.status}: {body[:500]!r}")
            return body
        finally:
            connection.close()

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        connection = http.client.HTTPConnection(self.addresses["query"], timeout=60)
        try:
            body = json.dumps({"query": query, "variables": variables})
            connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer.get("errors"):
            raise SystemExit(f"the query failed: {answer['errors']}")
        data: dict[str, Any] = answer["data"]
        return data

    def ledger(self) -> dict[str, Any]:
        """`GET /ledger`."""
        found: dict[str, Any] = json.loads(self.get("/ledger"))
        return found

    def metrics(self) -> dict[str, float]:
        """`GET /metrics`: series to value."""
        lines = self.get("/metrics").decode().splitlines()
        return {key: float(value) for key, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}

    def stop(self) -> float:
        """Ends it; seconds that took."""
        started = time.monotonic()
        self._watching = False
        self._watcher.join()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return time.monotonic() - started

    def errors(self) -> str:
        """What it wrote to its error stream."""
        self._errors.flush()
        return Path(self._errors.name).read_text()

    def close(self) -> None:
        """Ends it if it still runs."""
        if self._process.poll() is None:
            self.stop()
        self._errors.close()

    def _watch(self) -> None:
        while self._watching and self._process.poll() is None:
            try:
                self.peak_bytes = max(self.peak_bytes, self.usage().resident_bytes)
            except (OSError, IndexError):
                return
            time.sleep(SAMPLE_INTERVAL_S)
