"""Python runs per request and per write, never per span: counted over the whole way from the bytes to the sink."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from feeding import Hands, make_worker, opened, until
from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline import Pipeline
from llm_obs_collector.scrub import BUILTIN, Scanner
from llm_obs_collector.signals import builtin
from llm_obs_core.interfaces import Context, ScrubRules, SinkLimits, SinkWrite
from llm_obs_core.model import PayloadKind, Position, RecordKind, Stream
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span

SCANNER = Scanner([ScrubRules(1, builtin=tuple(BUILTIN))])


class Nowhere:
    """A sink that takes everything, and keeps the numbers of rows."""

    limits = SinkLimits(
        kinds=frozenset({PayloadKind.SPANS, PayloadKind.CONTENTS, PayloadKind.MEASURES}), flush_interval_s=0.0
    )

    def __init__(self) -> None:
        self.rows = 0
        self.messages = 0
        self.written: Callable[[], None] = lambda: None

    async def start(self) -> Position | None:
        return None

    async def write(self, write: SinkWrite) -> None:
        for part in write.parts:
            part.rows.columns()
            if part.kind is not PayloadKind.SPANS:
                continue
            assert part.contents is not None
            self.rows += len(part.rows)
            self.messages += len(part.contents)
            part.spans.payloads()
            part.contents.columns()
        self.written()

    async def stop(self) -> None:
        return None


def body(spans: int, first: int) -> bytes:
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]',
    }
    return request([make_span(number, trace=1, attributes=call) for number in range(first, first + spans)])


async def calls(root: Path, spans: int) -> int:
    """Python calls of llm-obs from the request to the end of the sink's write, in every thread."""
    count = 0
    counting = False

    def profile(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        if counting and event == "call":
            count += any(name in frame.f_code.co_filename for name in ("llm_obs_collector", "llm_obs_core"))

    def written() -> None:
        nonlocal counting
        counting = counting and sink.rows < 2 + spans

    sink = Nowhere()
    sink.written = written
    warm, measured = body(2, 1), body(spans, 10)
    threading.setprofile(profile)  # reaches the threads that begin from here on
    sys.setprofile(profile)
    pool = ThreadPoolExecutor()  # threads of an earlier run would count for that one
    asyncio.get_running_loop().set_default_executor(pool)
    try:
        async with opened(root) as log:
            pipeline = Pipeline(log.log.writer(Stream.ACCEPTED), builtin(SCANNER), Budget(1 << 30))
            worker = make_worker(root, log, sink, Hands())
            await worker.open()
            worker.start()
            await pipeline.offer(warm, Context("acme", RecordKind.SPANS, time.time_ns()))  # imports and caches
            await until(lambda: sink.rows == 2 and worker.covered is not None)
            counting = True
            await pipeline.offer(measured, Context("acme", RecordKind.SPANS, time.time_ns()))
            while sink.rows < 2 + spans:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            assert sink.messages == 2 + spans
            await worker.stop()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        pool.shutdown()
    return count


async def test_the_way_to_the_sink_costs_as_many_calls_for_many_spans_as_for_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_obs_collector.log.cursors.INTERVAL_S", 3600.0)  # once a second, whatever is written
    few = await calls(tmp_path / "few", 16)
    many = await calls(tmp_path / "many", 4096)
    assert few > 50
    assert abs(many - few) <= 20, (few, many)  # a large request is prepared in a thread
