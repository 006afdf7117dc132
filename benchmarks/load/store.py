"""What is in the lake, counted from its files; and how soon a span that was acknowledged can be seen."""

from __future__ import annotations

import http.client
import sqlite3
import threading
import time
from array import array
from pathlib import Path
from typing import NamedTuple

from benchmarks.load.bodies import SPANS_PER_TRACE, make
from benchmarks.load.collector import CollectorProcess

__all__ = ["Probe", "Stored", "count"]

TRACE = "query ($id: ID!) { trace(id: $id) { summary { spanCount } } }"
POLL_S = 0.05
FIRST_NUMBER = 1 << 40
"""Stamps of probes: far from those of the load."""


class Stored(NamedTuple):
    """Rows of spans in the lake, how many of them differ in (trace, span), files and bytes on disk."""

    spans: int
    distinct: int
    files: int
    bytes: int


def count(folder: Path) -> Stored:
    """Reads the ids of every live file of spans."""
    import duckdb

    catalog = sqlite3.connect(f"file:{folder / 'catalog.sqlite'}?mode=ro", uri=True)
    try:
        rows = catalog.execute("SELECT kind, path, size_bytes FROM segments WHERE state = 'live'").fetchall()
    finally:
        catalog.close()
    paths = [str(folder / "segments" / path) for kind, path, _ in rows if kind == "spans"]
    if not paths:
        return Stored(0, 0, 0, 0)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '4GB'")
        # Every id of the load is a number of 8 bytes that no other span has: traces need no look.
        found = connection.execute("SELECT count(*), count(DISTINCT span_id) FROM read_parquet(?)", [paths]).fetchone()
    assert found is not None
    return Stored(int(found[0]), int(found[1]), len(rows), sum(size for _, _, size in rows))


class Probe(threading.Thread):
    """Sends a trace now and then and asks for it until it is there.

    Args:
        collector: Where to.
        interval_s: Pause between two traces.
    """

    def __init__(self, collector: CollectorProcess, interval_s: float) -> None:
        super().__init__(daemon=True)
        self._collector = collector
        self._interval_s = interval_s
        self._ending = threading.Event()
        self.seen_s = array("d")
        self.spans = 0
        self.trouble = ""

    def run(self) -> None:
        """The thread."""
        body = make(0, SPANS_PER_TRACE, 1024)
        number = FIRST_NUMBER
        try:
            while not self._ending.wait(self._interval_s):
                number += 1
                self._one(bytes(body.stamp(number, time.time_ns())), bytes(body.data[body.trace_at :][:16]).hex())
        except (OSError, SystemExit, http.client.HTTPException) as error:
            self.trouble = repr(error)

    def end(self) -> None:
        """Waits for the trace under way."""
        self._ending.set()
        self.join()

    def _one(self, body: bytes, trace_id: str) -> None:
        connection = http.client.HTTPConnection(self._collector.addresses["http"], timeout=60)
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                return
        finally:
            connection.close()
        acknowledged = time.perf_counter()
        self.spans += SPANS_PER_TRACE
        while time.perf_counter() - acknowledged < 60:
            found = self._collector.ask(TRACE, id=trace_id)["trace"]
            if found is not None:
                self.seen_s.append(time.perf_counter() - acknowledged)
                return
            time.sleep(POLL_S)
        self.trouble = "a trace was not there after 60 s"
