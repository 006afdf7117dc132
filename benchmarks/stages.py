"""CPU of every stage a span passes, nanoseconds a span, at 16, 512 and 4,096 spans a request of 1 KB spans.

`python -m benchmarks.stages`; `nox -s bench` shows it too. One thread, nothing beside it: what a stage costs, not what
it waits for. Each figure is the least of many rounds.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline import Meaning, Pipeline
from llm_obs_collector.scrub import DEFAULT, Scanner
from llm_obs_collector.signals import builtin
from llm_obs_core import config, plugins
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Context, ScrubRules, SinkPart, SinkWrite
from llm_obs_core.model import Codec, PayloadKind, Position, RecordKind, Stream
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.frames import Frames
from llm_obs_core_ext.scan import scan
from llm_obs_core_ext.segment import run

from benchmarks.load.bodies import make

__all__ = ["SIZES", "main", "measure"]

SIZES = (16, 512, 4096)
SINK_SPANS = 16_384
"""Spans of one write of a sink, whatever the size of a request."""


def fastest_ns(call: Callable[[], object], spans: int, seconds: float) -> float:
    """CPU time of this thread for one call, the least of as many as fit, nanoseconds a span."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while True:
        start = time.thread_time_ns()
        call()
        least = min(least, time.thread_time_ns() - start)
        if time.perf_counter() > end:
            return least / spans


def measure(spans: int, seconds: float = 0.3) -> dict[str, float]:
    """Stage to nanoseconds a span.

    Args:
        spans: A request's.
        seconds: For each stage.
    """

    loaded = config.load(None)
    installed = plugins.load()
    meaning = Meaning.configured(installed, loaded, Hosts(loaded.server))
    scanner = Scanner([ScrubRules(1, builtin=DEFAULT)])
    signals = builtin(scanner, loaded.receiver, meaning)
    pipeline = Pipeline(None, signals, Budget(1 << 30))  # type: ignore[arg-type]  # no log is reached
    body = bytes(make(1, spans, 1024).stamp(1, time.time_ns()))
    context = Context("default", RecordKind.SPANS, time.time_ns())
    batch = scan(body, keys=meaning.keys)
    priced = Edits(batch)
    meaning.apply(batch, priced)
    found: dict[str, float] = {}

    def took(name: str, call: Callable[[], object], count: int = spans) -> float:
        found[name] = fastest_ns(call, count, seconds)
        return found[name]

    took("scan", lambda: scan(body, keys=meaning.keys))
    took("normalise, price", lambda: meaning.apply(batch, Edits(batch)))
    took("scrub", lambda: scanner.scrub(batch, priced))
    scrubbed = Edits(batch)
    meaning.apply(batch, scrubbed)
    scanner.scrub(batch, scrubbed)
    took("emit", lambda: emit(batch, scrubbed))
    record = pipeline.prepare(body, context).records[0]
    whole = took("all before the log", lambda: pipeline.prepare(body, context))
    found["digest, record"] = whole - found["scan"] - found["normalise, price"] - found["scrub"] - found["emit"]
    _log(record, spans, took)
    _sink(record.payload, spans, took)
    return found


def _log(record: Any, spans: int, took: Callable[..., float]) -> None:
    def framed() -> Frames:
        frames = Frames()
        frames.add(record, 1, Codec.NONE, record.payload)
        return frames

    took("log: frame, checksum", framed)
    frames = framed()
    with tempfile.TemporaryFile() as file:

        def write() -> None:
            frames.write(file.fileno())
            if file.tell() > 64 * 1024 * 1024:
                file.seek(0)

        took("log: write", write)
    data = frames.tobytes()
    took("log: read", lambda: run(data, 0, 0))


def _sink(payload: bytes, spans: int, took: Callable[..., float]) -> None:
    requests = max(1, SINK_SPANS // spans)
    count = requests * spans
    took("sink: scan again", lambda: scan(payload))
    joined = SpanBatch.concat([scan(payload) for _ in range(requests)])
    took("sink: join", lambda: SpanBatch.concat([joined]), count)
    took("sink: columns", lambda: joined.columns(), count)
    took("sink: payloads", lambda: joined.payloads(), count)
    took("sink: measures", lambda: joined.measures(), count)
    took("sink: contents", lambda: joined.contents(bytes(32)), count)
    try:
        from llm_obs_lake.config import LakeOptions
        from llm_obs_lake.sink import LakeSink
    except ImportError:
        return
    parts = []
    for number in range(requests):  # every request has ids of its own, or the lake would drop them as doubles
        body = bytes(make(1, spans, 1024).stamp(number + 1, time.time_ns()))
        parts.append(scan(body))
    whole = SpanBatch.concat(parts)
    measured = whole.measures()
    folder = Path(tempfile.mkdtemp(prefix="llm-obs-stages-"))
    sink = LakeSink(LakeOptions(path=str(folder), merge=False))
    try:
        sink._open()
        sequence = 0

        def write() -> None:
            nonlocal sequence
            sequence += 1
            position = Position("bench", 0, sequence, Stream.DERIVED)
            now_ns = time.time_ns()
            spans = SinkPart(PayloadKind.SPANS, "default", position, position, whole, now_ns, whole.contents(bytes(32)))
            measures = SinkPart(PayloadKind.MEASURES, "default", position, position, measured, now_ns)
            sink._write(SinkWrite((spans, measures), position, position))

        took("lake: one write", write, count)
        sink._close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(seconds: float = 0.3) -> None:
    """Prints the table."""
    table = {spans: measure(spans, seconds) for spans in SIZES}
    print(f"{'CPU, ns a span, at spans a request':36}" + "".join(f"{spans:>10,}" for spans in SIZES))
    for name in table[SIZES[0]]:
        print(f"{name:36}" + "".join(f"{table[spans][name]:10.0f}" for spans in SIZES))


if __name__ == "__main__":
    main()
