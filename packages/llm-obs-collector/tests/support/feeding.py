"""What the sink tests share: a sink that misbehaves on demand, a clock of the test's, a log whose records are derived
from, and a worker over it."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from llm_obs_collector.assembly import Assembly
from llm_obs_collector.assembly.opened import OpenedCache
from llm_obs_collector.signals import RecordReader, builtin
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.worker import SinkWorker
from llm_obs_collector.timing import Clock
from llm_obs_core import hookimpl, plugins
from llm_obs_core.config import Worker
from llm_obs_core.interfaces import Feed, Host, Log, SinkLimits, SinkPart, SinkWrite
from llm_obs_core.model import LogRecord, PayloadKind, Position, RecordKind, Stream
from llm_obs_core.plugins import Plugins, Register
from llm_obs_core_ext.dedup import DedupIndex
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from logging_records import open_log


class Box:
    """A sink that keeps what it is given. Raises the head of `failures` (None: takes the write), waits for `gate`.

    With `keeps_position` it is a transactional store: what is not final is staged.
    """

    def __init__(self, *, keeps_position: bool = True, **limits: Any) -> None:
        kinds = frozenset({PayloadKind.SPANS, PayloadKind.MEASURES})
        self._limits = SinkLimits(**{"flush_interval_s": 0.0, "kinds": kinds} | limits)
        self._keeps = keeps_position
        self.position: Position | None = None
        self.spans: list[tuple[str, int]] = []
        self.measures: dict[Position, int] = {}
        self.writes: list[SinkWrite] = []
        self.staged: list[SinkWrite] = []
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
        self.staged.clear()
        return self.position

    async def write(self, write: SinkWrite) -> None:
        self.tries += 1
        self.writing += 1
        try:
            assert self.writing == 1, "two writes at once"
            if self.gate is not None:
                await self.gate.wait()
            if self.failures and (failure := self.failures.pop(0)) is not None:
                raise failure
            if (failure := self.refuses([number for _, number in _numbers(write)])) is not None:
                raise failure
            self.writes.append(write)
            if not self._keeps:
                self._keep(write)
                return
            done = self.position
            assert done is None or done.stream is not write.first.stream or write.first > done, (write.first, done)
            if self.staged and (self.staged[0].first, self.staged[0].last) != (write.first, write.last):
                self.staged.clear()
            self.staged.append(write)
            if write.final:
                for item in self.staged:
                    self._keep(item)
                self.staged.clear()
                self.position = write.last
        finally:
            self.writing -= 1

    def _keep(self, write: SinkWrite) -> None:
        self.spans += _numbers(write)
        for part in write.parts:
            if part.kind is PayloadKind.MEASURES:
                assert part.first == part.last
                requests = part.rows.columns()["requests"].data
                counts = memoryview(requests).cast("B").cast("q")[: len(part.rows)]
                self.measures[part.first] = sum(counts)

    async def stop(self) -> None:
        self.stops += 1

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.spans]

    @property
    def parts(self) -> list[list[SinkPart]]:
        """The parts of spans of each write."""
        return [[part for part in write.parts if part.kind is PayloadKind.SPANS] for write in self.writes]


def _numbers(write: SinkWrite) -> list[tuple[str, int]]:
    return [
        (part.tenant, int.from_bytes(span.span_id, "big"))
        for part in write.parts
        if part.kind is PayloadKind.SPANS
        for span in part.spans.spans()
    ]


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


RECORDS = RecordReader(builtin())


class Filled:
    """A log that is derived from."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.cache = OpenedCache(64 * 1024 * 1024)
        self.assembly = Assembly(log, RECORDS, lambda: DedupIndex(1 << 20), self.cache, clock=Hands().clock())

    async def append(self, *records: LogRecord) -> Position:
        """Accepts records; the last one's Position."""
        return (await self.log.writer(Stream.ACCEPTED).append(records))[-1].position

    def feed(self, stream: Stream, reader: str) -> Feed:
        return self.log.feed(stream, reader)

    async def derived(self) -> None:
        """Lets all of it be derived from."""
        feed = self.log.feed(Stream.ACCEPTED, "")
        newest = await feed.newest()
        await until(lambda: newest is None or self.assembly.covered == newest.position, "derived")


@asynccontextmanager
async def opened(
    root: Path, *, cuts: Collection[Position] = (), derive: bool = True, **settings: Any
) -> AsyncIterator[Filled]:
    log = open_log(root / "log", **settings)
    await log.start()
    filled = Filled(log)
    await filled.assembly.open()
    if derive:
        filled.assembly.start(cuts)
    try:
        yield filled
    finally:
        await filled.assembly.stop()
        await log.stop()


def make_worker(
    root: Path, filled: Filled, sink: Any, hands: Hands | None = None, name: str = "box", **settings: Any
) -> SinkWorker:
    return SinkWorker(
        name,
        "test",
        sink,
        filled.log,
        RECORDS,
        Worker(**settings),
        DeadLetters(root, name),
        key_of=lambda tenant: b"k" * 32,
        cache=filled.cache,
        derived_to=lambda: filled.assembly.covered,
        clock=(hands or Hands()).clock(),
    )


@asynccontextmanager
async def feeding(root: Path, filled: Filled, sink: Any, **settings: Any) -> AsyncIterator[SinkWorker]:
    worker = make_worker(root, filled, sink, **settings)
    await worker.open()
    worker.start()
    try:
        yield worker
    finally:
        await filled.derived() if filled.assembly._task is not None else None
        await worker.stop()


async def until(holds: Callable[[], Any], what: str = "it") -> None:
    """Lets the loop run until something holds."""
    for _ in range(20_000):
        found = holds()
        if await found if inspect.isawaitable(found) else found:
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
