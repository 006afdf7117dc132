"""What the sink tests share: a sink that misbehaves on demand, a clock of the test's, a worker over a real log."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from llm_obs_collector.log import FileLog
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.timing import Clock
from llm_obs_collector.sinks.worker import SinkWorker
from llm_obs_core import hookimpl, plugins
from llm_obs_core.config import Worker
from llm_obs_core.interfaces import Host, SinkLimits, SinkPart
from llm_obs_core.model import LogRecord, Position, RecordKind
from llm_obs_core.plugins import Plugins, Register
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from logging_records import open_log


class Box:
    """A sink that keeps what it is given. Raises the head of `failures` (None: takes the write), waits for `gate`."""

    def __init__(self, *, keeps_position: bool = True, **limits: Any) -> None:
        self._limits = SinkLimits(**{"flush_interval_s": 0.0} | limits)
        self._keeps = keeps_position
        self.position: Position | None = None
        self.spans: list[tuple[str, int]] = []
        self.parts: list[list[SinkPart]] = []
        self.ranges: list[tuple[int, int]] = []
        self.failures: list[BaseException | None] = []
        self.start_failures: list[BaseException] = []
        self.refuses: Callable[[list[int]], BaseException | None] = lambda _: None
        self.gate: asyncio.Event | None = None
        self.tries = 0
        self.starts = 0
        self.stops = 0
        self.writing = 0

    @property
    def limits(self) -> SinkLimits:
        return self._limits

    async def start(self) -> Position | None:
        self.starts += 1
        if self.start_failures:
            raise self.start_failures.pop(0)
        return self.position

    async def write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        self.tries += 1
        self.writing += 1
        try:
            assert self.writing == 1, "two writes at once"
            if self.gate is not None:
                await self.gate.wait()
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
            numbers = [
                (part.tenant, int.from_bytes(span.span_id, "big")) for part in parts for span in part.spans.spans()
            ]
            if (failure := self.refuses([number for _, number in numbers])) is not None:
                raise failure
            if self._keeps:
                assert self.position is None or first > self.position, (first, self.position)
                self.position = last
            self.spans += numbers
            self.parts.append(list(parts))
            self.ranges.append((first.sequence, last.sequence))
        finally:
            self.writing -= 1

    async def stop(self) -> None:
        self.stops += 1

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.spans]


class Hands:
    """A clock whose sleeps end at once and are remembered; time moves by what was slept."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


def spans_record(*numbers: int, tenant: str = "default", kind: RecordKind = RecordKind.SPANS) -> LogRecord:
    """A record of spans with these ids."""
    payload = request([make_span(number) for number in numbers])
    digest = hashlib.blake2b(repr((numbers, tenant, kind)).encode(), digest_size=16).digest()
    return LogRecord(kind, tenant, 1, digest, len(numbers), 0, payload)


@asynccontextmanager
async def opened(root: Path, **settings: Any) -> AsyncIterator[FileLog]:
    log = open_log(root / "log", **settings)
    await log.start()
    try:
        yield log
    finally:
        await log.stop()


def make_worker(
    root: Path, log: FileLog, sink: Any, hands: Hands | None = None, name: str = "box", **settings: Any
) -> SinkWorker:
    return SinkWorker(
        name,
        "test",
        sink,
        log,
        Worker(**settings),
        DeadLetters(root, name),
        key_of=lambda tenant: b"k" * 32,
        clock=(hands or Hands()).clock(),
    )


@asynccontextmanager
async def feeding(root: Path, log: FileLog, sink: Any, **settings: Any) -> AsyncIterator[SinkWorker]:
    worker = make_worker(root, log, sink, **settings)
    await worker.open()
    worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def until(holds: Callable[[], object], what: str = "it") -> None:
    """Lets the loop run until something holds."""
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"{what} never came to hold")


class BoxOptions(msgspec.Struct, frozen=True):
    """Which of `BOXES`."""

    key: str = "box"


BOXES: dict[str, Box] = {}


def make_box(options: BoxOptions, host: Host) -> Box:
    return BOXES[options.key]


def plugins_with_boxes(**boxes: Box) -> Plugins:
    """The built-in plugins, and a sink type `box` whose option `key` names one of these."""
    BOXES.update(boxes)
    module = ModuleType("boxes")

    @hookimpl
    def register_sinks(register: Register) -> None:
        register("box", "feeding:make_box", BoxOptions)

    module.register_sinks = register_sinks  # type: ignore[attr-defined]
    return plugins.load(only=["bundled", "file", "genai", "otlp", "pii"], modules={"boxes": module})
