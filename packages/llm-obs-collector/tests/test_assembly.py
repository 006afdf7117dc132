"""What is derived: once, for everybody, whatever ends when; sums and spans are exact in every store."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from feeding import RECORDS, Box, Filled, Hands, feeding, make_worker, opened, until
from llm_obs_collector.assembly import Assembly
from llm_obs_collector.assembly.opened import OpenedCache
from llm_obs_collector.sinks.worker import SinkWorker
from llm_obs_core import semconv
from llm_obs_core.errors import RetryableError
from llm_obs_core.interfaces import Appended, LogWriter
from llm_obs_core.model import LogRecord, Position, RecordKind, Stream
from llm_obs_core_ext.dedup import DedupIndex
from llm_obs_testing.log import MemoryLog
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span

CALL = {semconv.OPERATION_NAME: "chat", semconv.REQUEST_MODEL: "gpt-4o"}


def calls(*numbers: int, tenant: str = "default", name: str = "work", digest: int = 0, **fields: Any) -> LogRecord:
    """A record of model calls with these ids."""
    payload = request([make_span(number, name=name, attributes=CALL) for number in numbers])
    seed = random.Random(repr((numbers, tenant, name, digest)))
    return LogRecord(RecordKind.SPANS, tenant, 1, seed.randbytes(16), len(numbers), 0, payload, **fields)


def settled(worker: SinkWorker) -> Any:
    async def holds() -> bool:
        counts = await worker.counts()
        return counts.queued == counts.undecided == 0

    return holds


async def test_measures_and_duplicates_are_derived_once_for_every_sink(tmp_path: Path) -> None:
    one, two = Box(), Box(keeps_position=False)
    async with (
        opened(tmp_path) as log,
        feeding(tmp_path, log, one, name="one") as first,
        feeding(tmp_path, log, two, name="two") as second,
    ):
        await log.append(calls(1, 2, 3))
        await log.append(calls(2, 3, 4, digest=1))
        await log.append(calls(4, tenant="acme"))
        await log.append(calls(5, 5))
        for box, worker in ((one, first), (two, second)):
            await until(settled(worker))
            counts = await worker.counts()
            assert (counts.logged, counts.stored, counts.duplicate, counts.exact) == (9, 6, 3, True)
            assert Counter(box.spans) == Counter([("default", number) for number in (1, 2, 3, 4, 5)] + [("acme", 4)])
            assert sum(box.measures.values()) == 6
        assert one.measures == two.measures
        assert (await log.assembly.status()).duplicates == 3


async def test_a_span_with_other_facts_replaces_and_is_measured_once(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(calls(1, 2))
        await log.append(calls(2, name="late"))
        await until(settled(worker))
        assert sorted(box.numbers) == [1, 2, 2]
        assert sum(box.measures.values()) == 2
        status = await log.assembly.status()
        assert (status.replaced, status.duplicates) == (1, 0)
        assert (await worker.counts()).exact


async def test_duplicates_are_recognised_after_a_restart(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, box):
        await log.append(calls(1, 2, 3))
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(calls(3, 4, digest=1))
        await until(settled(worker))
        assert ((await worker.counts()).duplicate, sorted(box.numbers)) == (1, [1, 2, 3, 4])
    assert sum(box.measures.values()) == 4


async def test_a_record_for_one_sink_is_passed_on_and_never_derived_from(tmp_path: Path) -> None:
    mine, other = Box(), Box()
    origin = Position("test", 0, 900)
    async with (
        opened(tmp_path) as log,
        feeding(tmp_path, log, mine, name="mine") as first,
        feeding(tmp_path, log, other, name="other") as second,
    ):
        await log.append(calls(7, target="mine", origin=origin))
        await log.append(calls(7, digest=1))
        for worker in (first, second):
            await until(settled(worker))
            assert (await worker.counts()).exact
        assert (await second.counts()).not_routed == {"targeted": 1}
    assert (mine.numbers, other.numbers) == ([7, 7], [7])
    assert sum(mine.measures.values()) == sum(other.measures.values()) == 1


async def test_unreadable_input_is_covered_and_counted(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(LogRecord(RecordKind.SPANS, "t", 1, b"x" * 16, 3, 0, b"\xff\xff"))
        await log.append(calls(1))
        await until(settled(worker))
        counts = await worker.counts()
        assert (box.numbers, counts.dead_letter, counts.exact) == ([1], {"unreadable": 3}, True)
        assert (await log.assembly.status()).unreadable == 3


async def test_a_sink_that_is_added_later_gets_what_the_log_still_holds_whole(tmp_path: Path) -> None:
    old, new = Box(), Box()
    async with opened(tmp_path, segment_bytes=2_000) as log:
        async with feeding(tmp_path, log, old, name="old") as worker:
            for number in range(1, 41):
                await log.append(calls(number))
                await log.derived()
            await until(settled(worker))
        assert await log.log.trim() > 0
        async with feeding(tmp_path, log, new, name="new") as worker:
            await until(settled(worker))
            counts = await worker.counts()
            assert counts.exact
            assert counts.lost == 0
    assert 0 < len(new.numbers) < 40
    assert new.numbers == list(range(41 - len(new.numbers), 41))
    assert sum(new.measures.values()) == len(new.numbers)
    assert sum(old.measures.values()) == 40


async def test_a_store_that_an_older_version_fed_goes_on_where_it_was(tmp_path: Path) -> None:
    """It has measures of its own up to its Position, so that no range may be on both sides of it."""
    box, fresh = Box(), Box()
    async with opened(tmp_path, derive=False) as log:
        held = [await log.append(calls(number, number + 100)) for number in range(1, 8)]
        box.position = held[3]
        workers = [make_worker(tmp_path, log, box, name="old"), make_worker(tmp_path, log, fresh, name="fresh")]
        for worker in workers:
            await worker.open()
        log.assembly.start([cut for worker in workers if (cut := worker.cut) is not None])
        for worker in workers:
            worker.start()
            await until(settled(worker))
            assert (await worker.counts()).exact
        await log.append(calls(50))
        for worker in workers:
            await until(settled(worker))
            await worker.stop()
    assert sorted(box.numbers) == [5, 6, 7, 50, 105, 106, 107]
    assert sum(box.measures.values()) == 7
    assert sum(fresh.measures.values()) == 15
    assert box.position is not None
    assert box.position.stream is Stream.DERIVED


async def test_a_full_log_is_derived_from_and_drains_when_one_sink_comes_back(tmp_path: Path) -> None:
    away, back = Box(), Box()
    away.gate = back.gate = asyncio.Event()
    async with (
        opened(tmp_path, max_bytes=60_000, segment_bytes=2_000) as log,
        feeding(tmp_path, log, away, name="away", timeout_s=1e6),
        feeding(tmp_path, log, back, name="back", timeout_s=1e6) as worker,
    ):
        number = 0

        async def fill() -> None:
            nonlocal number
            while True:
                number += 1
                await log.append(calls(number))

        with pytest.raises(RetryableError, match=r"log\.max_bytes"):
            await fill()
        assert "log.max_bytes" in await log.log.trouble()
        await log.derived()
        assert (await log.assembly.status()).trouble == ""
        back.gate.set()
        await until(settled(worker))
        assert (await worker.counts()).exact
        assert sorted(back.numbers) == list(range(1, number))
        assert sum(back.measures.values()) == number - 1
        away.gate.set()
        await asyncio.sleep(0)


# --- Crashes -------------------------------------------------------------------------------------------------------


class CrashError(BaseException):
    """The process ends here."""


class Crashing(MemoryLog):
    """A log whose process may end before or after an append to the derived stream."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__("test")
        self.dice = dice
        self.calm = False
        self.crashed = asyncio.Event()

    def writer(self, stream: Stream) -> LogWriter:
        inner = super().writer(stream)
        return inner if stream is Stream.ACCEPTED else _CrashingWriter(self, inner)


class _CrashingWriter:
    def __init__(self, log: Crashing, inner: LogWriter) -> None:
        self._log = log
        self._inner = inner

    async def append(self, records: Sequence[LogRecord], **fields: Any) -> Sequence[Appended]:
        luck = 1.0 if self._log.calm else self._log.dice.random()
        if luck < 0.1:
            await self._end()
        if luck < 0.2:
            raise RetryableError("room", got="none")
        found = await self._inner.append(records, **fields)
        if luck < 0.3:
            await self._end()
        return found

    async def _end(self) -> None:
        self._log.crashed.set()
        await asyncio.Event().wait()


class CrashingBox(Box):
    """A store whose process may end before or after a write, or that fails."""

    def __init__(self, log: Crashing, **settings: Any) -> None:
        super().__init__(**settings)
        self._log = log

    async def start(self) -> Position | None:
        self.writing = 0
        return await super().start()

    async def write(self, write: Any) -> None:
        luck = 1.0 if self._log.calm else self._log.dice.random()
        if luck < 0.1:
            await self._end()
        if luck < 0.2:
            raise RetryableError("a store", got="none")
        await super().write(write)
        if luck < 0.3:
            await self._end()

    async def _end(self) -> None:
        self._log.crashed.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("seed", range(25))
async def test_sums_are_exact_wherever_the_process_ends(tmp_path: Path, seed: int) -> None:
    """Between reading and appending, within a batch, within a write; with resends, duplicates and a late sink."""
    dice = random.Random(seed)
    log = Crashing(dice)
    boxes = {
        "keeps": CrashingBox(log, max_items=dice.choice([3, 100])),
        "forgets": CrashingBox(log, max_items=dice.choice([3, 100]), keeps_position=False),
    }
    sent: list[LogRecord] = []
    sound: set[tuple[str, int]] = set()
    numbers = iter(range(1, 10_000))
    for life in range(12):
        log.calm = life == 11
        log.crashed.clear()
        await log.start()
        if life == 5:
            boxes["late"] = CrashingBox(log, max_items=4)
        filled = Filled(log)
        filled.assembly = Assembly(
            log, RECORDS, lambda: DedupIndex(1 << 20), OpenedCache(dice.choice([1, 1 << 20])), clock=Hands().clock()
        )
        await filled.assembly.open()
        workers = [make_worker(tmp_path, filled, box, name=name) for name, box in boxes.items()]
        for worker in workers:
            await worker.open()
        filled.assembly.start()
        for worker in workers:
            worker.start()
        for _ in range(dice.randrange(8)):
            tenant = dice.choice(["default", "acme"])
            if sent and dice.random() < 0.3:
                await log.writer(Stream.ACCEPTED).append([dice.choice(sent)])  # a resend
            else:
                mine = [next(numbers) for _ in range(dice.randrange(1, 5))]
                if sound and dice.random() < 0.5:
                    mine.append(dice.choice([number for _, number in sound]))  # perhaps a duplicate
                record = calls(*mine, tenant=tenant, digest=life)
                await log.writer(Stream.ACCEPTED).append([record])
                sent.append(record)
                sound |= {(tenant, number) for number in mine}
            for _ in range(dice.randrange(20)):
                await asyncio.sleep(0)
        if log.calm:
            for worker in workers:
                await until(settled(worker), worker.name)
                assert (await worker.counts()).exact
        else:
            await asyncio.wait([asyncio.ensure_future(log.crashed.wait())], timeout=0.01)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as the end of a process does
            task.cancel()
        await asyncio.sleep(0)
        await log.stop()
    for name, box in boxes.items():
        stored = Counter(box.spans)
        assert set(stored) == sound, name
        if name != "forgets":
            assert max(stored.values()) == 1, name
        assert sum(box.measures.values()) == len(sound), name
    derived = [item.record for item in log._streams[Stream.DERIVED].records]
    covers = [record.covers for record in derived if record.kind is RecordKind.COVERED]
    for before, after in pairwise(covers):
        assert before is not None
        assert after is not None
        assert after.after == before.last
        assert after.first > before.last
