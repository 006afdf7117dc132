"""Whether what was accepted arrives exactly once: crashes at every step, and the sums that come out all the same."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence

from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import Appended, Feed, Log, LogStats, LogWriter, Sink, SinkLimits, SinkWrite, StoredRecord
from llm_obs_core.model import LogRecord, Position, RecordKind, Span, Stream
from llm_obs_core_ext.scan import scan
from msgspec import UNSET, UnsetType

from llm_obs_testing.contracts.stored import added_up
from llm_obs_testing.memory import MemoryStore
from llm_obs_testing.otlp import request
from llm_obs_testing.records import NOW_NS

__all__ = ["Crashes", "CrashingLog", "CrashingSink", "assert_exactly_once", "expected_store", "spans_record"]


def spans_record(spans: Sequence[Span], *, tenant: str = "default", received_ns: int = NOW_NS) -> LogRecord:
    """The record of a request of these spans; equal spans make an equal request, which a log takes once."""
    payload = request(spans)
    digest = hashlib.blake2b(payload, digest_size=16).digest()
    return LogRecord(RecordKind.SPANS, tenant, received_ns, digest, len(spans), 0, payload)


def expected_store(accepted: Iterable[LogRecord]) -> MemoryStore:
    """What a store must hold when all of these have come through.

    Of records that a log recognises only the first counts, and of spans with one identity the first, whichever request
    brought them. Records with a target are passed over: nothing is derived from them.
    """
    store = MemoryStore()
    requests: set[tuple[str, bytes, int]] = set()
    seen: set[tuple[str, bytes, bytes]] = set()
    for record in accepted:
        key = (record.tenant, record.digest, record.slice)
        if record.kind is not RecordKind.SPANS or record.target or key in requests:
            continue
        if any(record.digest):
            requests.add(key)
        fresh: list[Span] = []
        for span in scan(record.payload).spans():
            identity = (record.tenant, span.trace_id, span.span_id)
            if identity not in seen:
                seen.add(identity)
                fresh.append(span)
        store.add(fresh, tenant=record.tenant, received_ns=record.received_ns)
    return store


def assert_exactly_once(accepted: Iterable[LogRecord], store: MemoryStore) -> None:
    """Every span is stored and every model call is counted, once, for the tenant that sent it."""
    expected = expected_store(accepted)
    assert {key: set(spans) for key, spans in store.traces.items()} == {
        key: set(spans) for key, spans in expected.traces.items()
    }
    for tenant in {name for name, _ in [*expected.measures, *store.measures]}:
        sums = [added_up(row for name, row in held.measures if name == tenant) for held in (store, expected)]
        assert sums[0] == sums[1], tenant


class Crashes:
    """One crash, at a step: before or after anything that a log or a sink does.

    At that step nothing goes on: whoever takes it waits until it is cancelled. Later steps raise StoreError, so that
    nothing that is still running leaves a trace.

    Args:
        at: The step, from 1; none when None: a run that counts the steps.

    Attributes:
        steps: How many there were.
        happened: Set when the crash is there.
    """

    def __init__(self, at: int | None = None) -> None:
        self._at = at
        self.steps = 0
        self.happened = asyncio.Event()

    async def step(self) -> None:
        """One more step."""
        if self.happened.is_set():
            raise StoreError("a process that is alive", got="one that has crashed")
        self.steps += 1
        if self.steps == self._at:
            self.happened.set()
            await asyncio.Event().wait()


class CrashingLog:
    """A `Log` whose process crashes; the log under it goes on with the next process.

    Args:
        log: A log that is started, and stays.
        crashes: When.
    """

    def __init__(self, log: Log, crashes: Crashes) -> None:
        self._log = log
        self._crashes = crashes

    async def start(self) -> None:
        """It is started."""

    def writer(self, stream: Stream) -> LogWriter:
        """A writer whose appends are steps."""
        return _Writer(self._log.writer(stream), self._crashes)

    def feed(self, stream: Stream, reader: str) -> Feed:
        """A feed whose reads and commits are steps."""
        return _Feed(self._log.feed(stream, reader), self._crashes)

    async def trim(self) -> int:
        """A step."""
        await self._crashes.step()
        return await self._log.trim()

    async def trouble(self) -> str:
        """That of the log."""
        return await self._log.trouble()

    @property
    def stats(self) -> LogStats:
        """Those of the log."""
        return self._log.stats

    async def stop(self) -> None:
        """It stays."""


class _Writer:
    def __init__(self, writer: LogWriter, crashes: Crashes) -> None:
        self._writer = writer
        self._crashes = crashes

    async def append(
        self, records: Sequence[LogRecord], *, expect: Position | UnsetType | None = UNSET
    ) -> Sequence[Appended]:
        await self._crashes.step()
        appended = await self._writer.append(records, expect=expect)
        await self._crashes.step()
        return appended


class _Feed:
    def __init__(self, feed: Feed, crashes: Crashes) -> None:
        self._feed = feed
        self._crashes = crashes

    async def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        async for item in self._feed.read(after):
            await self._crashes.step()
            yield item

    async def peek(self, after: Position | None) -> StoredRecord | None:
        await self._crashes.step()
        return await self._feed.peek(after)

    async def newest(self) -> StoredRecord | None:
        await self._crashes.step()
        return await self._feed.newest()

    async def committed(self) -> Position | None:
        return await self._feed.committed()

    async def commit(self, position: Position) -> None:
        await self._crashes.step()
        await self._feed.commit(position)
        await self._crashes.step()

    async def follow(self, held: Position) -> None:
        await self._feed.follow(held)

    async def lag(self, after: Position | None) -> int:
        return await self._feed.lag(after)


class CrashingSink:
    """A `Sink` whose process crashes before or after a write.

    Args:
        sink: Over a store that the next process opens again.
        crashes: When.
    """

    def __init__(self, sink: Sink, crashes: Crashes) -> None:
        self._sink = sink
        self._crashes = crashes

    @property
    def limits(self) -> SinkLimits:
        """Those of the sink."""
        return self._sink.limits

    async def start(self) -> Position | None:
        """A step."""
        await self._crashes.step()
        return await self._sink.start()

    async def write(self, write: SinkWrite) -> None:
        """A step before, and one after."""
        await self._crashes.step()
        await self._sink.write(write)
        await self._crashes.step()

    async def stop(self) -> None:
        """That of the sink."""
        await self._sink.stop()
