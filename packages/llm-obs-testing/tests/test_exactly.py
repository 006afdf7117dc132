"""The contracts of log and sink are enough for exactly-once: the smallest stage and worker, crashed at every step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from llm_obs_core.columnar import pack, unpack
from llm_obs_core.errors import FencedError
from llm_obs_core.interfaces import Log, Sink, SinkPart, StoredRecord
from llm_obs_core.model import Covers, LogRecord, PayloadKind, Position, RecordKind, Span, Stream
from llm_obs_core_ext.scan import scan
from llm_obs_testing.exactly import Crashes, CrashingLog, CrashingSink, assert_exactly_once, spans_record
from llm_obs_testing.log import MemoryLog
from llm_obs_testing.memory import MemorySink, MemoryStore, UpsertSink
from llm_obs_testing.parts import CONTENT_KEY, batch_of, make_measures, make_write
from llm_obs_testing.records import NO_DIGEST
from llm_obs_testing.spans import make_traces

Identity = tuple[str, bytes, bytes]


def spans_of(item: StoredRecord) -> list[Span]:
    return list(scan(item.record.payload).spans())


async def assemble(log: Log) -> None:
    """Derives measures and a mask of duplicates from two accepted records at a time."""
    accepted, out = log.feed(Stream.ACCEPTED, "assembly"), log.writer(Stream.DERIVED)
    newest = await log.feed(Stream.DERIVED, "assembly").newest()
    last = None if newest is None else newest.position
    covered = None if newest is None or newest.record.covers is None else newest.record.covers.last
    seen: set[Identity] = set()
    position: Position | None = None
    while covered is not None and (item := await accepted.peek(position)) is not None and item.position <= covered:
        position = item.position  # what was seen before the start; here nothing is trimmed
        seen |= {(item.record.tenant, span.trace_id, span.span_id) for span in spans_of(item)}
    while True:
        taken: list[StoredRecord] = []
        while len(taken) < 2 and (item := await accepted.peek(taken[-1].position if taken else covered)) is not None:
            taken.append(item)
        if not taken:
            await asyncio.sleep(0)
            continue
        covers = Covers(taken[0].position, taken[-1].position)
        batch, mask = [], bytearray()
        for item in taken:
            fresh = []
            for span in spans_of(item):
                identity = (item.record.tenant, span.trace_id, span.span_id)
                mask.append(identity not in seen)
                if identity not in seen:
                    fresh.append(span)
                seen.add(identity)
            measures = pack(batch_of(fresh).measures())  # type: ignore[arg-type]
            batch.append(
                LogRecord(RecordKind.MEASURES, item.record.tenant, 0, NO_DIGEST, len(fresh), 0, measures, covers=covers)
            )
        batch.append(LogRecord(RecordKind.COVERED, "", 0, NO_DIGEST, 0, 0, bytes(mask), covers=covers))
        appended = await out.append(batch, expect=last)
        last, covered = appended[-1].position, covers.last
        await accepted.commit(covered)


async def deliver(log: Log, sink: Sink) -> None:
    """Writes one derived batch at a time, beside what it covers."""
    derived, accepted = log.feed(Stream.DERIVED, "sink"), log.feed(Stream.ACCEPTED, "sink")
    held = await sink.start()
    if held is not None:
        await derived.commit(held)  # the process may have ended between the write and its commit
    after = await derived.committed()
    while True:
        batch: list[StoredRecord] = []
        while (item := await derived.peek(batch[-1].position if batch else after)) is not None:
            batch.append(item)
            if item.record.kind is RecordKind.COVERED:
                break
        if not batch:
            await asyncio.sleep(0)
            continue
        parts = [part async for part in _parts(batch, accepted)]
        first, last = batch[0].position, batch[-1].position
        await sink.write(make_write(parts, first.sequence, last.sequence))
        await derived.commit(last)
        after = last


async def _parts(batch, accepted):  # type: ignore[no-untyped-def]
    covers = batch[-1].record.covers
    mask = iter(batch[-1].record.payload)
    first, last = batch[0].position, batch[-1].position
    spans: dict[str, list[Span]] = {}
    position = None
    while (item := await accepted.peek(position)) is not None and item.position <= covers.last:
        position = item.position
        if item.position >= covers.first:
            spans.setdefault(item.record.tenant, []).extend(s for s in spans_of(item) if next(mask))
    for tenant, mine in spans.items():
        rows = batch_of(mine)
        yield SinkPart(PayloadKind.SPANS, tenant, first, last, rows, 0, rows.contents(CONTENT_KEY))
        assert sum(len(unpack(i.record.payload)) for i in batch[:-1] if i.record.tenant == tenant) <= len(rows)
        yield make_measures(mine, last.sequence, tenant=tenant)


def sent() -> Iterator[LogRecord]:
    spans = make_traces(7)
    for start in range(0, len(spans), 6):
        yield spans_record(spans[start : start + 6], tenant="ab"[start // 6 % 2])
    yield spans_record(spans[:6], tenant="a")  # an equal request
    yield spans_record(spans[2:9], tenant="a")  # spans that were sent before, in a request of its own


async def run(log: MemoryLog, sink: Sink, crashes: Crashes) -> None:
    """One life of the process: until it crashes, or everything is delivered."""
    crashing = CrashingLog(log, crashes)
    tasks = [
        asyncio.create_task(assemble(crashing)),
        asyncio.create_task(deliver(crashing, CrashingSink(sink, crashes))),
    ]
    end = (await log.feed(Stream.ACCEPTED, "test").newest()).position  # type: ignore[union-attr]

    async def delivered() -> bool:
        newest = await log.feed(Stream.DERIVED, "test").newest()
        if newest is None or newest.record.covers is None or newest.record.covers.last < end:
            return False
        return await log.feed(Stream.DERIVED, "sink").committed() == newest.position

    while not crashes.happened.is_set() and not await delivered():
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("kind", [MemorySink, UpsertSink])
def test_a_crash_at_any_step_changes_nothing(kind: type[MemorySink] | type[UpsertSink]) -> None:
    async def whole(at: int | None) -> int:
        log, store = MemoryLog("test"), MemoryStore()
        await log.start()
        for record in sent():
            await log.writer(Stream.ACCEPTED).append([record])
        crashes = Crashes(at)
        await asyncio.wait_for(run(log, kind(store), crashes), 30)
        if at is not None:
            assert crashes.happened.is_set()
            await asyncio.wait_for(run(log, kind(store), Crashes()), 30)
        assert_exactly_once(sent(), store)
        return crashes.steps

    steps = asyncio.run(whole(None))
    assert steps > 20
    for at in range(1, steps + 1):
        asyncio.run(whole(at))


async def test_of_two_stages_one_is_fenced() -> None:
    """Both derive from the same records; what one has appended the other cannot append again."""
    log, store = MemoryLog("test"), MemoryStore()
    await log.start()
    for record in sent():
        await log.writer(Stream.ACCEPTED).append([record])
    rivals = [asyncio.create_task(assemble(log)) for _ in range(2)]
    done, running = await asyncio.wait(rivals, timeout=30, return_when=asyncio.FIRST_EXCEPTION)
    assert [type(task.exception()) for task in done] == [FencedError]
    for task in running:
        task.cancel()
    await asyncio.wait_for(run(log, MemorySink(store), Crashes()), 30)
    assert_exactly_once(sent(), store)


def test_what_is_missing_or_twice_is_seen() -> None:
    records = list(sent())[:-1]
    store = MemoryStore()
    for record in records[:-1]:
        store.add(list(scan(record.payload).spans()), tenant=record.tenant)
    assert_exactly_once(records, store)
    with pytest.raises(AssertionError):
        assert_exactly_once(records[1:-1], store)
    store.add(list(scan(records[0].payload).spans()), tenant=records[0].tenant)
    with pytest.raises(AssertionError):
        assert_exactly_once(records, store)
