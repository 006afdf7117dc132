"""The whole collector with sinks: the ledger is exact, its pages say so, and readiness watches the log."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from feeding import Box, plugins_with_boxes, until
from llm_obs_collector.server import Collector
from llm_obs_core.config import Config, GrpcReceiver, HttpReceiver, Receiver, Server, Sink, Worker
from llm_obs_core.errors import ConfigError, PermanentError, RetryableError
from llm_obs_core.model import PayloadKind, Span
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from receiving import Answer, post, send


def config(root: Path, **sinks: Sink) -> Config:
    return Config(
        server=Server(data_dir=str(root)),
        receiver=Receiver(http=HttpReceiver(listen="127.0.0.1:0"), grpc=GrpcReceiver(enabled=False)),
        sinks=sinks or {"box": Sink()},
        readers={},
    )


@asynccontextmanager
async def collecting(root: Path, box: Box, other: Box | None = None) -> AsyncIterator[Collector]:
    quick = Worker(retry_initial_s=0.0, retry_max_s=0.0, breaker_reset_s=0.0)
    sinks = {"box": Sink(worker=quick)} | ({"other": Sink(type="box", options={"key": "other"})} if other else {})
    installed = plugins_with_boxes(box=box, **({"other": other} if other else {}))
    collector = Collector(config(root, **sinks), installed)
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


def settled(collector: Collector) -> Any:
    async def holds() -> bool:
        counts = [await worker.counts() for worker in collector.sinks.all]
        return all(item.queued == item.undecided == 0 for item in counts)

    return holds


async def ask(collector: Collector, path: str, body: Any = None) -> Answer:
    http = collector._receivers["http"]
    if body is None:
        return await send(http, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())  # type: ignore[arg-type]
    return await send(http, post(json.dumps(body).encode(), path=path, media="application/json"))  # type: ignore[arg-type]


async def give(collector: Collector, *spans: Span, valid: bool = True) -> Answer:
    body = request(spans)
    if not valid:
        body += request([make_span(1, span_id=b"short")])
    return await send(collector._receivers["http"], post(body))  # type: ignore[arg-type]


async def test_every_span_is_accounted_for(tmp_path: Path) -> None:
    box, other = Box(), Box(kinds=frozenset({PayloadKind.CALLS}))
    box.refuses = lambda numbers: PermanentError("no 7", items=[numbers.index(7)]) if 7 in numbers else None
    async with collecting(tmp_path, box, other) as collector:
        assert (await give(collector, *(make_span(number) for number in range(1, 10)))).status == 200
        assert (await give(collector, *(make_span(number) for number in range(1, 10)))).status == 200
        assert (await give(collector, make_span(20), make_span(21), valid=False)).status == 200
        await until(settled(collector))
        ledger = json.loads((await ask(collector, "/ledger")).body)
        assert ledger["exact"]
        assert ledger["collector"] == {
            "received": 21, "logged": 11, "repeated": 9, "rejected": {"span_id_length": 1},
        }  # fmt: skip
        counts = {name: sink["counts"] for name, sink in ledger["sinks"].items()}
        assert (counts["box"]["stored"], counts["box"]["dead_letter"]) == (10, {"refused": 1})
        assert (counts["other"]["stored"], counts["other"]["not_routed"]) == (0, {"spans": 11})
        text = (await ask(collector, "/metrics")).body.decode()
        values = {name: float(value) for name, value in re.findall(r"^(llm_obs_\S+) (\S+)$", text, re.MULTILINE)}
        assert values["llm_obs_received_items_total"] == 21
        assert values["llm_obs_log_items_total"] == 11
        for sink in ("box", "other"):
            decided = sum(
                value
                for name, value in values.items()
                if name.startswith("llm_obs_sink_items_total{") and f'sink="{sink}"' in name
            )
            queued, recovered = (
                values[f'llm_obs_sink_{word}_items{{sink="{sink}"}}'] for word in ("queued", "recovered")
            )
            assert decided + queued + values["llm_obs_undecided_items"] == values["llm_obs_log_items_total"] + recovered
        assert values["llm_obs_derived_delay_seconds_count"] == 2
    async with collecting(tmp_path, box, other) as collector:
        assert json.loads((await ask(collector, "/ledger")).body)["exact"]


async def test_dead_letters_are_sent_again_to_their_sink_alone(tmp_path: Path) -> None:
    box, other = Box(), Box()
    box.refuses = lambda numbers: PermanentError("small ones", items=[numbers.index(9)]) if 9 in numbers else None
    async with collecting(tmp_path, box, other) as collector:
        await give(collector, make_span(8), make_span(9), make_span(10))
        await until(lambda: len(box.numbers) == 2 and len(other.numbers) == 3)
        assert json.loads((await ask(collector, "/ledger")).body)["sinks"]["box"]["dead_letter_files"] == 1
        box.refuses = lambda numbers: None
        answer = await ask(collector, "/dead-letters/send", {"sink": "box"})
        assert json.loads(answer.body) == {"letters": 1, "spans": 1, "unreadable": 0}
        await until(settled(collector))
        assert sorted(box.numbers) == sorted(other.numbers) == [8, 9, 10]
        ledger = json.loads((await ask(collector, "/ledger")).body)
        assert ledger["exact"]
        assert ledger["sinks"]["other"]["counts"]["not_routed"] == {"targeted": 1}
        assert ledger["sinks"]["box"]["dead_letter_files"] == 0
        assert (await ask(collector, "/dead-letters/send", {"sink": "box"})).status == 200
        assert (await ask(collector, "/dead-letters/send", {"sink": "nobody"})).status == 404
        assert (await ask(collector, "/dead-letters/send", {"sinks": "box"})).status == 400


async def test_a_sink_in_trouble_is_seen_and_makes_nothing_unready(tmp_path: Path) -> None:
    box = Box(keeps_position=False)
    box.failures = [RetryableError("a store", got="none")] * 100_000
    async with collecting(tmp_path, box) as collector:
        assert (await give(collector, make_span(1))).status == 200
        await until(lambda: box.tries > 3)
        assert (await ask(collector, "/readyz")).status == 200
        said = json.loads((await ask(collector, "/readyz?verbose")).body)
        assert (said["ready"], said["sinks"]["box"]["state"], said["sinks"]["box"]["queued"]) == (True, "failing", 1)
        assert said["sinks"]["box"]["trouble"] == "expected a store, got none"


async def test_a_log_that_cannot_be_written_is_unready_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with collecting(tmp_path, Box()) as collector:
        broken = True

        def sync(fd: int) -> None:
            if broken:
                raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", sync)
        monkeypatch.setattr(os, "fsync", sync)
        assert (await ask(collector, "/readyz")).status == 200
        refused = await give(collector, make_span(1))
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await ask(collector, "/readyz")).status == 503
        assert "Input/output error" in json.loads((await ask(collector, "/readyz?verbose")).body)["trouble"]
        broken = False
        assert (await ask(collector, "/readyz")).status == 200
        assert (await give(collector, make_span(1))).status == 200


def test_a_budget_below_one_request_is_refused(tmp_path: Path) -> None:
    wrong = Config(
        server=Server(data_dir=str(tmp_path)), receiver=Receiver(max_in_flight_bytes=1), sinks={}, readers={}
    )
    with pytest.raises(ConfigError, match=r"receiver\.max_in_flight_bytes"):
        Collector(wrong)
