"""List, overview and trace over a lake of a million spans: P50 and P95 of each.

`python -m benchmarks.lake_read [--spans N] [--users N] [--folder F]` builds the lake through the sink from seeded
spans, asks, merges it as the upkeep does, and asks again. Readers that have just been started are asked for the
overview too.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
from llm_obs_core.filter import Condition
from llm_obs_core.interfaces import AggregateQuery, Scope, TraceQuery
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.folder import Folder
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Upkeep
from llm_obs_testing.parts import make_parts, make_write
from llm_obs_testing.spans import make_traces

SCOPE = Scope(("default",), content=True)
TRACES_A_WRITE = 2_500
HOUR_NS = 3_600_000_000_000


async def build(options: LakeOptions, spans: int, users: int) -> int:
    """Fills the lake; returns its traces."""
    sink = LakeSink(msgspec.structs.replace(options, merge_interval_s=3600))
    await sink.start()
    written = number = 0
    while written < spans:
        made = make_traces(TRACES_A_WRITE, first=1 + number * TRACES_A_WRITE, users=users)
        number += 1
        await sink.write(make_write(make_parts(made, number, received_ns=made[-1].end_ns)))
        written += len(made)
    await sink.stop()
    return number * TRACES_A_WRITE


def calibration_ms() -> float:
    """A fixed loop of Python, to compare machines and moments."""
    start = time.perf_counter()
    sum(range(5_000_000))
    return (time.perf_counter() - start) * 1e3


async def overview(reader: LakeReader) -> None:
    """Three sums, one after the other."""
    for query in (AggregateQuery(), AggregateQuery(interval_ns=HOUR_NS), AggregateQuery(group_by=("model",))):
        await reader.aggregate(SCOPE, query)


async def page(reader: LakeReader) -> None:
    """What the page's overview asks, all at once: sums, series, costs and four tables."""
    keys = [(), (), ("provider", "model"), ("user_id",), ("application",), ("error_type",)]
    asked = [AggregateQuery(group_by=key) for key in keys]
    asked += [AggregateQuery(interval_ns=HOUR_NS, group_by=key) for key in ((), ("model",))]
    await asyncio.gather(*(reader.aggregate(SCOPE, query) for query in asked))


async def ask(reader: LakeReader, traces: int, rounds: int) -> None:
    """Prints a line a question."""
    dice = random.Random(1)

    async def one_trace() -> None:
        number = dice.randrange(1, traces + 1)
        assert await reader.trace(SCOPE, number.to_bytes(16, "big")) is not None

    questions: dict[str, Callable[[], Awaitable[object]]] = {
        "list": lambda: reader.find_traces(SCOPE, TraceQuery(), first=50),
        "list, errors": lambda: reader.find_traces(
            SCOPE, TraceQuery(Condition("trace.error_count", "gt", 0)), first=50
        ),
        "list, one user": lambda: reader.find_traces(SCOPE, TraceQuery(Condition("user_id", "eq", "user-3")), first=50),
        "overview (3 sums)": lambda: overview(reader),
        "page (8 sums at once)": lambda: page(reader),
        "sums by model": lambda: reader.aggregate(SCOPE, AggregateQuery(group_by=("model",))),
        "sums by user": lambda: reader.aggregate(SCOPE, AggregateQuery(group_by=("user_id",))),
        "trace": one_trace,
    }
    for name, question in questions.items():
        await question()
        took_ms = []
        for _ in range(rounds):
            start = time.perf_counter()
            await question()
            took_ms.append((time.perf_counter() - start) * 1e3)
        say(name, took_ms)
    print(f"{'calibration':22} {calibration_ms():11.1f} ms")


def say(name: str, took_ms: Sequence[float]) -> None:
    """A line."""
    p95 = statistics.quantiles(took_ms, n=20)[-1]
    print(f"{name:22} P50 {statistics.median(took_ms):7.1f} ms   P95 {p95:7.1f} ms   least {min(took_ms):7.1f} ms")


async def ask_first(options: LakeOptions, rounds: int) -> None:
    """The overview of readers that have read nothing."""
    took_ms = []
    for _ in range(rounds):
        reader = LakeReader(options)
        await reader.start()
        start = time.perf_counter()
        await overview(reader)
        took_ms.append((time.perf_counter() - start) * 1e3)
        await reader.stop()
    say("overview, just started", took_ms)


async def measure(folder: Path, spans: int, users: int, rounds: int) -> None:
    """Builds, merges, asks before and after."""
    options = LakeOptions(path=str(folder))
    traces = await build(options, spans, users)
    for merged in (False, True):
        if merged:
            upkeep = Upkeep(Folder(folder), options)
            print(upkeep.round())
            upkeep.close()
        await ask_first(options, rounds // 2)
        reader = LakeReader(options)
        await reader.start()
        await ask(reader, traces, rounds)
        await reader.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(given.folder or Path(folder), given.spans, given.users, given.rounds))


if __name__ == "__main__":
    main()
