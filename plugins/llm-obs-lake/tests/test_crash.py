"""SIGKILL between any two steps of a write, a merge or a drop: all or nothing, and the next start cleans up."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakes import DAY_NS, SCOPE, answers, cut, files, fill, live, look_after, options
from llm_obs_core.interfaces import TraceQuery
from llm_obs_lake.catalog import Catalog
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.parts import Annotation, make_annotations, make_measures, make_part, make_parts, make_write
from llm_obs_testing.spans import make_span, make_traces

CHILD = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "support")}
STEPS = [(os, "fsync"), (Path, "rename"), (Path, "unlink"), (Catalog, "add"), (Catalog, "replace"), (Catalog, "forget")]


def die_at(step: int) -> None:
    """In the child: before or after the nth step, counted from 0."""
    passed = iter(range(step, -1, -1))

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            tick()
            found = work(*args, **kwargs)
            tick()
            return found

        return call

    def tick() -> None:
        if next(passed, 1) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in STEPS:
        setattr(owner, name, counted(getattr(owner, name)))


def die_everywhere(folder: Path, job: Callable[[Path], None]) -> None:
    """In a process without threads: forks children that do the job, each on a copy, each one step longer."""
    for step in range(1000):
        copy = folder.with_name(f"copy-{step:03d}")
        shutil.copytree(folder, copy)
        child = os.fork()
        if not child:
            die_at(step)
            job(copy)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return


def survive(folder: Path, job: str) -> list[Any]:
    """All answers that a store had after a job that died somewhere, or did not."""
    subprocess.run([sys.executable, __file__, job, str(folder), "everywhere"], check=True, env=CHILD)
    found: list[Any] = []
    copies = sorted(folder.parent.glob("copy-*"))
    assert len(copies) > 9
    for copy in copies:
        asyncio.run(open_and_close(copy))
        assert files(copy) == {segment.path for segment in live(copy)}
        now = asyncio.run(answers(copy))
        if now not in found:
            found.append(now)
    return found


async def open_and_close(folder: Path) -> None:
    """What a restart does, and the first round of upkeep after it without a merge."""
    sink = LakeSink(options(folder))
    await sink.start()
    await sink.stop()
    look_after(folder, merge=False)


def write(folder: Path) -> None:
    asyncio.run(fill(folder, [make_traces(2, first=100)]))


def write_in_parts(folder: Path) -> None:
    """A range of two writes; only the last one makes it visible."""

    async def work() -> None:
        sink = LakeSink(options(folder))
        held = await sink.start()
        first = held.sequence + 1 if held else 1
        spans = make_traces(1, first=100)
        for number, given in enumerate(cut(spans, 2)):
            said = make_annotations([Annotation.of(span, "name", span.name) for span in given], first, first + 4)
            parts = [make_part(given, first, first + 4), said]
            if number == 1:
                parts.append(make_measures(spans, first + 4))
            await sink.write(make_write(parts, final=number == 1))
        await sink.stop()

    asyncio.run(work())


def merge(folder: Path) -> None:
    look_after(folder, now_ns=2 * DAY_NS)


def drop(folder: Path) -> None:
    look_after(folder, now_ns=10 * DAY_NS, merge=False, retention_days=1)


def write_until_killed(folder: Path) -> None:
    """Says each Position once it is stored."""

    async def work() -> None:
        sink = LakeSink(options(folder))
        held = await sink.start()
        number = held.sequence if held else 0
        while True:
            number += 1
            await sink.write(make_write(make_parts([make_span(number)], number)))
            os.write(1, b"%d\n" % number)

    asyncio.run(work())


@pytest.mark.parametrize(("job", "ends"), [("write", 2), ("write_in_parts", 2), ("merge", 1), ("drop", 2)])
def test_a_job_is_done_or_not(tmp_path: Path, job: str, ends: int) -> None:
    folder = tmp_path / "lake"
    asyncio.run(fill(folder, cut(make_traces(4), 3)))
    assert len(survive(folder, job)) == ends


def test_what_was_acknowledged_is_there_once(tmp_path: Path) -> None:
    dice = random.Random(5)
    acknowledged = 0
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, __file__, "write_until_killed", str(tmp_path)], stdout=subprocess.PIPE, env=CHILD
        ) as child:
            assert child.stdout is not None
            said = child.stdout.readline()
            killer = threading.Timer(dice.uniform(0, 0.3), child.send_signal, [signal.SIGKILL])
            killer.start()
            said += child.stdout.read()
            killer.join()
        acknowledged = max(int(line) for line in said[: said.rfind(b"\n")].split())
        if dice.random() < 0.5:
            look_after(tmp_path, merge_segments=2)

    async def stored() -> list[int]:
        reader = LakeReader(options(tmp_path))
        await reader.start()
        page = await reader.find_traces(SCOPE, TraceQuery(), first=100_000)
        await reader.stop()
        return sorted(int.from_bytes(item.trace_id, "big") for item in page.traces for _ in range(item.span_count))

    found = asyncio.run(stored())
    assert acknowledged > 6
    assert found == list(range(1, len(found) + 1))
    assert acknowledged <= len(found) <= acknowledged + 1


if __name__ == "__main__":
    work = globals()[sys.argv[1]]
    if sys.argv[3:] == ["everywhere"]:
        die_everywhere(Path(sys.argv[2]), work)
    else:
        work(Path(sys.argv[2]))
