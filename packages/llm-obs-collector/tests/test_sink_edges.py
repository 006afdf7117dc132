"""The edges of what is derived and delivered: letters that come back again, failures at a bad moment, what is left
behind when something ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from feeding import Box, Filled, Hands, feeding, make_worker, opened, spans_record, until
from llm_obs_collector.assembly.opened import Opened, OpenedCache
from llm_obs_collector.assembly.ranges import RangeReader
from llm_obs_collector.intake import Intake, IntakeLimits
from llm_obs_collector.log.tail import OBJECT_BYTES, Tail
from llm_obs_collector.signals import RecordReader
from llm_obs_collector.sinks import Workers
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.resend import resend
from llm_obs_collector.sinks.worker import SinkWorker
from llm_obs_core import semconv
from llm_obs_core.errors import PermanentError, RetryableError, StoreError
from llm_obs_core.interfaces import Appended, LogWriter, SinkWrite, StoredRecord
from llm_obs_core.model import LogRecord, Position, RecordKind, Stream
from llm_obs_core_ext.scan import scan
from llm_obs_testing.log import MemoryLog
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span

CALL = {semconv.OPERATION_NAME: "chat", semconv.REQUEST_MODEL: "gpt-4o"}


def settled(worker: SinkWorker) -> Any:
    async def holds() -> bool:
        counts = await worker.counts()
        return counts.queued == counts.undecided == 0

    return holds


def kept_spans(root: Path) -> list[int]:
    """The spans of all letters."""
    kept = DeadLetters(root, "box")
    return sorted(int.from_bytes(span.span_id, "big") for letter in kept for span in scan(kept.payload(letter)).spans())


def calls(*numbers: int, tenant: str = "default") -> LogRecord:
    """A record of model calls."""
    payload = request([make_span(number, attributes=CALL) for number in numbers])
    digest = hashlib.blake2b(repr((numbers, tenant)).encode(), digest_size=16).digest()
    return LogRecord(RecordKind.SPANS, tenant, 1, digest, len(numbers), 0, payload)


def tasks() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]


# --- Dead letters ----------------------------------------------------------------------------------------------------
async def test_letters_of_one_record_that_are_refused_again_do_not_replace_each_other(tmp_path: Path) -> None:
    box = Box()
    answers: list[BaseException] = [PermanentError("no 1", items=[0]), RetryableError("away")]
    box.refuses = lambda _: answers.pop(0) if answers else None
    async with opened(tmp_path) as log, feeding(tmp_path, log, box, retry_attempts=1) as worker:
        await log.append(spans_record(1, 2))
        await until(settled(worker))
        assert sorted(letter.cause for letter in DeadLetters(tmp_path, "box")) == ["gave_up", "refused"]
        box.refuses = lambda numbers: PermanentError("no") if numbers else None
        for cause in ("refused", "gave_up"):
            (again,) = [letter for letter in DeadLetters(tmp_path, "box") if letter.cause == cause]
            assert (await resend(log.log, worker.letters, [again.id])).spans == 1
            await until(settled(worker))
        counts = await worker.counts()
    assert kept_spans(tmp_path) == [1, 2]
    assert (counts.exact, counts.stored, sum(counts.dead_letter.values())) == (True, 0, 4)
    assert {letter.position.sequence for letter in DeadLetters(tmp_path, "box")} == {1}


async def test_letters_of_one_record_in_one_load_do_not_replace_each_other(tmp_path: Path) -> None:
    box = Box(flush_interval_s=1.0)
    answers: list[BaseException] = [PermanentError("no 1", items=[0]), RetryableError("away")]
    box.refuses = lambda _: answers.pop(0) if answers else None
    async with opened(tmp_path) as log:
        async with feeding(tmp_path, log, box, retry_attempts=1) as worker:
            await log.append(spans_record(1, 2))
            await until(settled(worker))
        await resend(log.log, worker.letters)
        assert worker.letters.count() == 0
        box.refuses = lambda numbers: PermanentError("no 2") if 2 in numbers else None
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            assert (await worker.counts()).exact
    assert (kept_spans(tmp_path), box.numbers) == ([2], [1])


async def test_a_letter_that_is_refused_again_before_the_first_is_removed_is_kept(tmp_path: Path) -> None:
    box = Box()
    box.refuses = lambda numbers: PermanentError("no") if numbers else None
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(spans_record(1))
        await until(settled(worker))
        refused = worker.letters.remove

        class Slow(DeadLetters):
            def remove(self, letter: Any) -> None:
                asyncio.run_coroutine_threadsafe(until(settled(worker)), loop).result()
                refused(letter)

        loop = asyncio.get_running_loop()
        await resend(log.log, Slow(tmp_path, "box"))
        await until(settled(worker))
    assert kept_spans(tmp_path) == [1]


async def test_measures_that_are_sent_again_together_are_all_stored(tmp_path: Path) -> None:
    box = Box()

    def refuse(write: SinkWrite) -> PermanentError | None:
        measures = [part for part in write.parts if part.kind == "measures"]
        return PermanentError("no measures") if measures else None

    write = box.write

    async def refusing(what: SinkWrite) -> None:
        if (failure := refuse(what)) is not None:
            raise failure
        await write(what)

    box.write = refusing  # type: ignore[method-assign]
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        for tenant in ("default", "acme"):
            await log.append(calls(1, tenant=tenant))
            await until(settled(worker))
            assert (await worker.counts()).exact
        await until(lambda: worker.letters.count() == 2)  # measures are no items: nothing is queued for them
        kept = list(worker.letters)
        assert [(letter.kind, letter.position.stream) for letter in kept] == [("MEASURES", Stream.DERIVED)] * 2
        box.write = write  # type: ignore[method-assign]
        await resend(log.log, worker.letters)
        await until(settled(worker))
        counts = await worker.counts()
    assert sum(box.measures.values()) == 2
    assert set(box.measures) == {letter.position for letter in kept}
    assert (counts.exact, counts.stored) == (True, 4)


# --- Failures at a bad moment ----------------------------------------------------------------------------------------
class _BrokenFeed:
    """A feed whose reading fails when told to."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.broken: Exception | None = None
        self.broke = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read(self, after: Position | None) -> AsyncIterator[StoredRecord]:
        async for item in self._inner.read(after):
            if self.broken is not None and item.position.sequence > 1:
                self.broke.set()
                raise self.broken
            yield item


async def test_a_stop_leaves_no_write_behind_when_the_log_cannot_be_read(tmp_path: Path) -> None:
    before = tasks()
    box = Box()
    box.gate = asyncio.Event()
    async with opened(tmp_path) as log:
        worker = make_worker(tmp_path, log, box, timeout_s=1e6, drain_s=0.05)
        await worker.open()
        feed = worker._derived = _BrokenFeed(worker._derived)  # type: ignore[assignment]
        feed.broken = RetryableError("a segment that can be read")  # type: ignore[attr-defined]
        worker.start()
        await log.append(spans_record(1))
        await until(lambda: box.writing)
        await log.append(spans_record(2))
        await asyncio.wait_for(feed.broke.wait(), 5.0)  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)
        await asyncio.wait_for(worker.stop(), 5.0)
        assert box.writing == 0
    await asyncio.sleep(0)
    assert tasks() <= before


async def test_a_range_whose_rest_cannot_be_asked_for_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_obs_collector.assembly.ranges.PATIENCE_S", 0.01)
    before = tasks()
    log = MemoryLog("test")
    await log.start()
    await log.writer(Stream.ACCEPTED).append([spans_record(1)])
    feed = log.feed(Stream.ACCEPTED, "")

    async def newest() -> None:
        raise RetryableError("a segment that can be read")

    feed.newest = newest  # type: ignore[assignment, method-assign]
    reader = RangeReader(feed)
    with pytest.raises(RetryableError):
        await reader.read(None, Position("test", 0, 2))
    await reader.close()
    assert tasks() <= before


async def test_the_ledger_is_exact_when_records_come_while_a_sink_is_started_again(tmp_path: Path) -> None:
    box = Box()
    box.failures = [None, StoreError("a write that goes on from 3")]
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(spans_record(1))
        await until(settled(worker))
        assert worker._derived is not None
        peek, numbers = worker._derived.peek, iter(range(100, 10_000))

        async def slowly(after: Position | None) -> StoredRecord | None:
            if box.starts == 2:
                await log.append(spans_record(next(numbers)))
            return await peek(after)

        worker._derived.peek = slowly  # type: ignore[method-assign]
        await log.append(spans_record(2))
        await until(lambda: box.starts == 2)
        await until(settled(worker))
        counts = await worker.counts()
        assert (counts.exact, counts.recovered, counts.lost) == (True, 0, 0)
        assert counts.stored == counts.logged == len(box.numbers)


class _Unsure:
    """A writer that appends and then says that it did not, once."""

    def __init__(self, inner: LogWriter) -> None:
        self._inner = inner
        self.unsure = 1

    async def append(self, records: Sequence[LogRecord], **fields: Any) -> Sequence[Appended]:
        found = await self._inner.append(records, **fields)
        if self.unsure:
            self.unsure -= 1
            raise RetryableError("an answer of the log", got="none in time")
        return found


async def test_an_append_of_which_nobody_knows_whether_it_went_well_holds_nothing_up(tmp_path: Path) -> None:
    log = MemoryLog("test")
    unsure = _Unsure(log.writer(Stream.DERIVED))
    inner = log.writer
    log.writer = lambda stream: unsure if stream is Stream.DERIVED else inner(stream)  # type: ignore[assignment]
    await log.start()
    filled, box = Filled(log), Box()
    await filled.assembly.open()
    filled.assembly.start()
    async with feeding(tmp_path, filled, box) as worker:
        await filled.append(calls(1, 2))
        await until(settled(worker))
        await filled.append(calls(2, 3))
        await until(settled(worker))
        counts = await worker.counts()
        assert (sorted(box.numbers), sum(box.measures.values())) == ([1, 2, 3], 3)
        assert (counts.exact, counts.duplicate) == (True, 1)
        assert (await filled.assembly.status()).trouble == ""
    await filled.assembly.stop()


async def test_an_older_versions_store_without_a_position_goes_on_at_its_cursor(tmp_path: Path) -> None:
    box = Box(keeps_position=False)
    async with opened(tmp_path, derive=False) as log:
        held = [await log.append(calls(number)) for number in range(1, 6)]
        await log.feed(Stream.ACCEPTED, "box").commit(held[2])
        worker = make_worker(tmp_path, log, box)
        await worker.open()
        log.assembly.start([cut for cut in (worker.cut,) if cut is not None])
        worker.start()
        await until(settled(worker))
        counts = await worker.counts()
        assert (counts.exact, counts.stored, counts.lost) == (True, 2, 0)
        await worker.stop()
    assert sorted(box.numbers) == [4, 5]
    assert sum(box.measures.values()) == 2


# --- Memory ----------------------------------------------------------------------------------------------------------
async def test_what_waits_for_a_sink_that_is_away_is_bounded_however_small_its_records(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("llm_obs_collector.intake.READ_AHEAD_BYTES", 20 * OBJECT_BYTES)
    log = MemoryLog("test")
    await log.start()
    for number in range(100):
        await log.writer(Stream.ACCEPTED).append([spans_record(number + 1)])
    intake = Intake(log.feed(Stream.ACCEPTED, ""), None, IntakeLimits(1, 1, 0.0), Hands().clock())
    await asyncio.sleep(0.01)
    assert 10 < len(intake._waiting) <= 21
    for _ in range(100):
        assert len(await intake.take()) == 1
    await intake.close()


def test_scanned_records_are_counted_with_their_objects_and_only_once() -> None:
    def opened_at(*numbers: int) -> list[Opened]:
        return [Opened(Position("test", 0, number), spans_record(number), None) for number in numbers]

    cache = OpenedCache(10 * OBJECT_BYTES)
    for number in range(1, 101):
        cache.put(Position("test", 0, number), opened_at(number))
        cache.put(Position("test", 0, number), opened_at(number))
        assert cache.nbytes <= 10 * OBJECT_BYTES
    kept = [number for number in range(1, 101) if cache.get(Position("test", 0, number))]
    assert 5 < len(kept) <= 10
    assert kept == list(range(101 - len(kept), 101))
    cache.forget(Position("test", 0, 98))
    assert [number for number in kept if cache.get(Position("test", 0, number))] == [99, 100]
    cache.forget(Position("test", 0, 100))
    assert cache.nbytes == 0
    cache.put(Position("test", 0, 200), opened_at(*range(101, 201)))  # larger than all of it
    assert (cache.nbytes, cache.get(Position("test", 0, 200))) == (0, None)


async def test_a_record_that_breaks_its_reader_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = RecordReader.rows

    def broken(self: RecordReader, record: LogRecord) -> Any:
        if record.tenant == "poison":
            raise ValueError("a bug")
        return rows(self, record)

    monkeypatch.setattr(RecordReader, "rows", broken)
    box = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(spans_record(1, 2, tenant="poison"))
        await log.append(spans_record(3))
        await until(settled(worker))
        counts = await worker.counts()
        (letter,) = worker.letters
    assert (box.numbers, counts.dead_letter, counts.exact) == ([3], {"unreadable": 2}, True)
    assert letter.reason == "ValueError('a bug')"


async def test_a_log_that_is_away_when_the_sinks_begin_is_asked_again() -> None:
    answers: list[Any] = [RetryableError("a log"), OSError("gone"), True]

    class Worker:
        name = "box"

        async def had_cursor(self) -> Any:
            if isinstance(answer := answers.pop(0), Exception):
                raise answer
            return answer

    workers = object.__new__(Workers)
    workers._clock, workers._say = Hands().clock(), structlog.get_logger()
    assert await workers._had_cursor(Worker()) is True  # type: ignore[arg-type]


async def test_what_a_transactional_store_has_of_a_range_that_is_given_up_becomes_letters_too(tmp_path: Path) -> None:
    box = Box(max_items=2)
    async with opened(tmp_path) as log, feeding(tmp_path, log, box, retry_attempts=1) as worker:
        await log.append(spans_record(1, 2, 3, 4, 5))
        await until(settled(worker))
        box.failures = [None, None, RetryableError("away")]
        await log.append(spans_record(11, 12, 13, 14, 15))
        await until(settled(worker))
        counts = await worker.counts()
    assert (box.numbers, kept_spans(tmp_path)) == ([1, 2, 3, 4, 5], [11, 12, 13, 14, 15])
    assert (counts.stored, counts.dead_letter, counts.exact) == (5, {"gave_up": 5}, True)


async def test_spans_of_a_range_that_could_not_be_appended_are_no_duplicates_of_themselves(tmp_path: Path) -> None:
    log = MemoryLog("test")
    inner, failing = log.writer, [StoreError("a log that takes it")]

    class Writer:
        async def append(self, records: Sequence[LogRecord], **fields: Any) -> Sequence[Appended]:
            if failing:
                raise failing.pop()
            return await inner(Stream.DERIVED).append(records, **fields)

    log.writer = lambda stream: Writer() if stream is Stream.DERIVED else inner(stream)  # type: ignore[assignment]
    await log.start()
    filled, box = Filled(log), Box()
    await filled.assembly.open()
    filled.assembly.start()
    async with feeding(tmp_path, filled, box) as worker:
        await filled.append(calls(1, 2))
        await until(settled(worker))
        assert ((await worker.counts()).duplicate, box.numbers, sum(box.measures.values())) == (0, [1, 2], 2)
    await filled.assembly.stop()


async def test_what_was_read_beyond_a_range_is_of_the_next_one() -> None:
    log = MemoryLog("test")
    await log.start()
    for number in (1, 2, 3):
        await log.writer(Stream.ACCEPTED).append([spans_record(number)])
    del log._streams[Stream.ACCEPTED].records[1]
    one, two, three = (Position("test", 0, number) for number in (1, 2, 3))
    reader = RangeReader(log.feed(Stream.ACCEPTED, ""))
    assert [item.position for item in await reader.read(None, two)] == [one]
    assert [item.position for item in await reader.read(two, three)] == [three]
    await reader.close()


def test_what_was_trimmed_is_not_in_the_tail() -> None:
    tail = Tail(1 << 20)
    tail.add(4, 5, [spans_record(number) for number in (5, 6, 7)])
    tail.forget(3)  # before all of it
    assert tail.after(3) is None
    assert [number for number, _ in tail.after(4) or ()] == [5, 6, 7]
    tail.forget(6)
    assert (tail.after(4), tail.after(5)) == (None, None)
    assert [number for number, _ in tail.after(6) or ()] == [7]
