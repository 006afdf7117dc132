"""The worker: everything logged is stored or kept as a dead letter, whatever the sink does, and the ledger says so."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from feeding import Box, Filled, Hands, feeding, make_worker, opened, spans_record, until
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.worker import SinkWorker
from llm_obs_core.errors import ConfigError, PermanentError, RetryableError, StoreError
from llm_obs_core.interfaces import StoredRecord
from llm_obs_core.model import PayloadKind, Position, RecordKind, Stream
from llm_obs_core_ext.scan import scan


def settled(worker: SinkWorker) -> Any:
    """Whether the sink has decided on everything that was accepted."""

    async def holds() -> bool:
        counts = await worker.counts()
        return counts.queued == counts.undecided == 0

    return holds


def letters(root: Path, name: str = "box") -> dict[int, list[int]]:
    """Sequence to the span numbers of its letter."""
    kept = DeadLetters(root, name)
    return {
        letter.position.sequence: [int.from_bytes(span.span_id, "big") for span in scan(kept.payload(letter)).spans()]
        for letter in kept
    }


def breaker(worker: SinkWorker, state: str) -> Any:
    async def holds() -> bool:
        return (await worker.status()).breaker == state

    return holds


def at(sequence: int) -> Position:
    return Position("test", 0, sequence)


async def newest(log: Filled) -> StoredRecord:
    """The last derived record."""
    found = await log.feed(Stream.DERIVED, "").newest()
    assert found is not None
    return found


async def test_records_become_parts_by_tenant_and_the_cursor_follows(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 2))
        async with feeding(tmp_path, log, box) as worker:
            await log.append(spans_record(3, tenant="acme"))
            await log.append(spans_record(4))
            await until(settled(worker))
            counts = await worker.counts()
            assert (counts.logged, counts.recovered, counts.stored, counts.exact) == (4, 0, 4, True)
            assert sorted(box.spans) == [("acme", 3), ("default", 1), ("default", 2), ("default", 4)]
            assert box.position is not None
            assert box.position.stream is Stream.DERIVED
        assert (box.starts, box.stops) == (1, 1)
    async with opened(tmp_path) as log:
        assert await log.feed(Stream.DERIVED, "box").committed() == box.position
        assert await log.feed(Stream.ACCEPTED, "box").committed() == at(3)


async def test_a_write_holds_what_came_within_the_interval_up_to_the_limits(tmp_path: Path) -> None:
    box = Box(max_items=4, flush_interval_s=1.0)
    async with opened(tmp_path) as log:
        for number in range(1, 8):
            await log.append(spans_record(number * 10, number * 10 + 1, tenant="ab"[number % 2]))
            await log.derived()
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
    assert max(sum(len(part.rows) for part in parts) for parts in box.parts) == 4
    assert [[part.tenant for part in parts] for parts in box.parts] == [["b", "a"]] * 3 + [["b"]]
    assert [write.final for write in box.writes] == [True] * 4
    assert [one.last < other.first for one, other in pairwise(box.writes)] == [True] * 3


async def test_a_store_that_keeps_its_position_is_believed(tmp_path: Path) -> None:
    box, all_of_it = Box(), Box()
    async with opened(tmp_path) as log:
        for number in range(1, 3):
            await log.append(spans_record(number))
        await log.derived()
        box.position = (await newest(log)).position
        for number in range(3, 5):
            await log.append(spans_record(number))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            assert (await worker.counts()).exact
        assert box.numbers == [3, 4]
    all_of_it.position = Position("somebody-else", 0, 900, Stream.DERIVED)
    async with opened(tmp_path) as log, feeding(tmp_path, log, all_of_it, name="other") as worker:
        await until(settled(worker))
        assert all_of_it.numbers == [1, 2, 3, 4]
        assert (await worker.counts()).recovered == 4


async def test_a_failing_store_is_tried_until_it_takes_the_write(tmp_path: Path) -> None:
    hands = Hands()
    box = Box()
    away = RetryableError("a store", got="none")
    box.failures = [away, away, RetryableError("a store", retry_after_s=7.0), ValueError("a bug"), None]
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        async with feeding(
            tmp_path, log, box, hands=hands, retry_initial_s=1.0, retry_max_s=60.0, breaker_failures=100
        ) as worker:
            await until(settled(worker))
            assert (await worker.status()).trouble == ""
        waits = [wait for wait in hands.slept if wait]
        assert [
            low <= wait <= high for wait, low, high in zip(waits, (0.5, 1, 7, 4), (1, 2, 8.75, 8), strict=True)
        ] == ([True] * 4)
        assert (box.numbers, box.tries) == ([1], 5)


async def test_an_open_breaker_leaves_the_store_alone_then_tries_once(tmp_path: Path) -> None:
    hands = Hands()
    box = Box()
    box.failures = [RetryableError("a store")] * 8
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        worker = make_worker(
            tmp_path, log, box, hands, retry_initial_s=0.1, retry_max_s=0.1, breaker_failures=3, breaker_reset_s=30.0
        )
        await worker.open()
        worker.start()
        await until(settled(worker))
        assert (await worker.status()).breaker == "closed"
        await worker.stop()
    long = [wait for wait in hands.slept if wait > 1]
    assert (long, box.tries) == ([pytest.approx(30.0)] * 6, 9)


async def test_a_write_that_hangs_is_cut_off_and_tried_again(tmp_path: Path) -> None:
    box = Box()
    box.gate = asyncio.Event()
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        async with feeding(tmp_path, log, box, timeout_s=0.01, breaker_failures=2, retry_initial_s=0.0) as worker:
            await until(breaker(worker, "open"))
            assert "a write within 0.01 s" in (await worker.status()).trouble
            assert "sinks.box.worker.timeout_s" in (await worker.status()).trouble
            await until(lambda: box.tries > 3)  # it asserts that no two go on at once
            assert (await worker.counts()).queued == 1
            box.gate.set()
            await until(settled(worker))
            assert (box.numbers, (await worker.status()).trouble, (await worker.counts()).exact) == ([1], "", True)


async def test_a_write_that_cannot_be_cut_off_is_never_joined_by_another(tmp_path: Path) -> None:
    box = Box()
    gate = asyncio.Event()
    write = box.write

    async def stubborn(*args: Any) -> None:
        while not gate.is_set():
            with suppress(asyncio.CancelledError):
                await gate.wait()
        await write(*args)

    box.write = stubborn  # type: ignore[method-assign]
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        async with feeding(tmp_path, log, box, timeout_s=0.01, breaker_failures=1) as worker:
            await until(breaker(worker, "open"))
            assert (await worker.status()).state == "failing"
            gate.set()
            await until(settled(worker))
            assert (box.numbers, box.tries, (await worker.status()).breaker) == ([1], 1, "closed")


async def test_a_store_that_hangs_at_the_start_holds_nothing_up(tmp_path: Path) -> None:
    box = Box()
    gate = asyncio.Event()
    start = box.start

    async def slow() -> Position | None:
        await gate.wait()
        return await start()

    box.start = slow  # type: ignore[method-assign]
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        async with feeding(tmp_path, log, box, timeout_s=0.01) as worker:
            assert "an open store within 0.01 s" in (await worker.status()).trouble
            gate.set()
            await until(settled(worker))
            assert (box.numbers, (await worker.status()).trouble) == ([1], "")


async def test_rows_that_are_refused_become_dead_letters_and_the_rest_is_stored(tmp_path: Path) -> None:
    box = Box(flush_interval_s=1.0)

    def refuses(numbers: list[int]) -> PermanentError | None:
        bad = [row for row, number in enumerate(numbers) if number % 5 == 0]
        return PermanentError("numbers that fives do not divide", items=bad[:2]) if bad else None

    box.refuses = refuses
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 5, 6))
        await log.append(spans_record(10, 11, 15, 20, 21, tenant="acme"))
        await log.append(spans_record(25))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
        assert sorted(box.numbers) == [1, 6, 11, 21]
        assert (counts.stored, counts.dead_letter, counts.exact) == (4, {"refused": 5}, True)
        assert letters(tmp_path) == {1: [5], 2: [10, 15, 20], 3: [25]}
        assert {letter.tenant for letter in DeadLetters(tmp_path, "box")} == {"default", "acme"}
        assert await log.feed(Stream.ACCEPTED, "box").committed() == at(3)


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_poisoned_write_is_halved_when_the_store_cannot_say_which_row(tmp_path: Path, keeps: bool) -> None:
    box = Box(flush_interval_s=1.0, keeps_position=keeps)
    box.refuses = lambda numbers: PermanentError("no 42") if 42 in numbers else None
    async with opened(tmp_path) as log:
        for start in (10, 40, 70, 100):
            await log.append(spans_record(*range(start, start + 8)))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert letters(tmp_path) == {2: [42]}
    everything = {number for start in (10, 40, 70, 100) for number in range(start, start + 8)}
    assert sorted(box.numbers) == sorted(everything - {42})
    assert (counts.dead_letter, counts.exact) == ({"refused": 1}, True)


async def test_a_record_larger_than_the_limits_goes_in_several_writes_of_which_the_last_is_final(
    tmp_path: Path,
) -> None:
    box, keeps = Box(max_items=3, keeps_position=False), Box(max_items=3)
    async with opened(tmp_path) as log:
        await log.append(spans_record(*range(1, 9)))
        async with feeding(tmp_path, log, box) as one, feeding(tmp_path, log, keeps, name="keeps") as two:
            await until(settled(one))
            await until(settled(two))
            assert ((await one.counts()).exact, (await two.counts()).exact) == (True, True)
    assert box.numbers == keeps.numbers == list(range(1, 9))
    for sink in (box, keeps):
        assert [write.final for write in sink.writes] == [False, False, True]
        assert len({(write.first, write.last) for write in sink.writes}) == 1


async def test_a_write_is_given_up_only_when_the_settings_say_so(tmp_path: Path) -> None:
    box = Box()
    box.failures = [RetryableError("a store", got="none")] * 3
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 2))
        async with feeding(tmp_path, log, box, retry_attempts=3) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert (counts.dead_letter, counts.exact, box.tries) == ({"gave_up": 2}, True, 3)
    (letter,) = DeadLetters(tmp_path, "box")
    assert (letter.cause, letter.spans) == ("gave_up", 2)
    assert "gave up after 3 tries: expected a store, got none" in letter.reason


async def test_a_dead_letter_is_on_disk_before_the_rest_is_written(tmp_path: Path) -> None:
    box = Box()
    seen: list[dict[int, list[int]]] = []

    def refuses(numbers: list[int]) -> PermanentError | None:
        seen.append(letters(tmp_path))
        return PermanentError("no 2", items=[numbers.index(2)]) if 2 in numbers else None

    box.refuses = refuses
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 2, 3))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
    assert seen == [{}, {1: [2]}]


async def test_kinds_that_the_sink_does_not_take_are_counted_and_passed(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 2, kind=RecordKind.LOGS))
        await log.append(spans_record(3))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert (box.numbers, counts.not_routed, counts.exact) == ([3], {"logs": 2}, True)


async def test_a_record_that_is_not_what_its_header_says_is_kept(tmp_path: Path) -> None:
    box = Box()
    async with opened(tmp_path) as log:
        good = spans_record(1)
        await log.append(type(good)(RecordKind.SPANS, "t", 1, bytes(16), 3, 0, b"\xff\xff"))
        await log.append(good)
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert (box.numbers, counts.dead_letter, counts.exact) == ([1], {"unreadable": 3}, True)
    kept = DeadLetters(tmp_path, "box")
    (letter,) = kept
    assert kept.payload(letter) == b"\xff\xff"


async def test_a_record_that_cannot_be_read_back_is_counted_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_obs_collector.log.stream.TAIL_BYTES", 0)  # all of it is read from the disk
    box = Box()
    async with opened(tmp_path, derive=False) as log:
        for number in range(1, 4):
            await log.append(spans_record(number, number + 100))
        (segment,) = (tmp_path / "log" / "test" / "0").glob("*.seg")
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 0xFF
        segment.write_bytes(data)
        log.assembly.start()
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert (sorted(box.numbers), counts.lost, counts.exact) == ([1, 3, 101, 103], 2, True)


async def test_a_slow_sink_stalls_neither_the_log_nor_another_sink(tmp_path: Path) -> None:
    slow, quick = Box(), Box()
    slow.gate = asyncio.Event()
    async with (
        opened(tmp_path) as log,
        feeding(tmp_path, log, slow, name="slow") as one,
        feeding(tmp_path, log, quick, name="quick") as two,
    ):
        for number in range(1, 21):
            await log.append(spans_record(number))
        await until(settled(two))
        assert (await one.counts()).queued == 20
        assert ((await one.counts()).exact, (await two.counts()).exact) == (True, True)
        assert (await one.status()).behind_s > 0
        slow.gate.set()
        await until(settled(one))
    assert sorted(slow.numbers) == sorted(quick.numbers) == list(range(1, 21))


async def test_what_is_read_ahead_of_a_slow_sink_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_obs_collector.intake.READ_AHEAD_BYTES", 1000)
    monkeypatch.setattr("llm_obs_collector.log.stream.READ_BYTES", 1000)
    slow = Box(max_items=10)
    slow.gate = asyncio.Event()
    async with opened(tmp_path) as log:
        for number in range(1, 201):
            await log.append(spans_record(number))
        async with feeding(tmp_path, log, slow) as worker:
            await until(lambda: slow.writing)
            await asyncio.sleep(0.05)
            intake = worker._intake
            assert intake is not None
            assert intake._bytes < 1500
            slow.gate.set()
            await until(settled(worker))
    assert slow.numbers == list(range(1, 201))


async def test_a_sink_that_cannot_start_yet_is_started_later(tmp_path: Path) -> None:
    box = Box()
    box.start_failures = [RetryableError("a store"), ConnectionError("refused"), RetryableError("a store")]
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        worker = make_worker(tmp_path, log, box)
        await worker.open()
        assert ((await worker.status()).state, (await worker.counts()).exact) == ("starting", True)
        worker.start()
        await until(settled(worker))
        assert ((await worker.status()).state, (await worker.counts()).exact) == ("running", True)
        await worker.stop()
    assert (box.numbers, box.starts) == ([1], 4)


async def test_a_sink_that_can_never_start_stops_the_collector_with_its_reason(tmp_path: Path) -> None:
    box = Box()
    box.start_failures = [ConfigError("a folder", where="sinks.box.options.path")]
    async with opened(tmp_path) as log:
        worker = make_worker(tmp_path, log, box)
        with pytest.raises(ConfigError, match=r"sinks\.box"):
            await worker.open()
        await worker.stop()


async def test_a_store_in_another_place_than_thought_is_started_again(tmp_path: Path) -> None:
    box = Box()
    box.failures = [None, StoreError("a write that begins behind 3")]
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(spans_record(1))
        await until(settled(worker))
        await log.append(spans_record(2))
        await until(settled(worker))
        assert (await worker.counts()).exact
    assert (box.numbers, box.starts) == ([1, 2], 2)


async def test_a_stop_writes_what_the_log_holds(tmp_path: Path) -> None:
    box = Box(flush_interval_s=3600.0)
    hands = Hands()
    forever = asyncio.Event()

    async def sleep(_: float) -> None:
        await forever.wait()

    hands._sleep = sleep  # type: ignore[method-assign]
    async with opened(tmp_path) as log:
        async with feeding(tmp_path, log, box, hands=hands):
            for number in range(1, 6):
                await log.append(spans_record(number))
        assert sorted(box.numbers) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
async def test_a_stop_leaves_to_the_log_what_the_sink_does_not_take(tmp_path: Path, trouble: str) -> None:
    box = Box(keeps_position=False)
    hands = Hands()
    if trouble == "hangs":
        box.gate = asyncio.Event()
    else:
        box.failures = [RetryableError("a store")] * 1000
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        async with feeding(tmp_path, log, box, hands=hands, drain_s=0.05) as worker:
            await until(lambda: box.tries)
        assert (await worker.counts()).exact
    again = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, again) as worker:
        await until(settled(worker))
        assert (again.numbers, (await worker.counts()).recovered) == ([1], 1)


async def test_dead_letters_on_a_full_disk_hold_the_cursor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    box.refuses = lambda numbers: PermanentError("no 2", items=[numbers.index(2)]) if 2 in numbers else None
    full = [OSError(28, "No space left on device")] * 3
    put = DeadLetters.put

    def sometimes(self: DeadLetters, letter: Any, payload: bytes) -> None:
        if full:
            raise full.pop()
        put(self, letter, payload)

    monkeypatch.setattr(DeadLetters, "put", sometimes)
    async with opened(tmp_path) as log:
        await log.append(spans_record(1, 2, 3))
        async with feeding(tmp_path, log, box) as worker:
            await until(settled(worker))
            counts = await worker.counts()
    assert (box.numbers, letters(tmp_path)) == ([1, 3], {1: [2]})
    assert (counts.stored, counts.dead_letter, counts.exact) == (2, {"refused": 1}, True)


async def test_the_time_of_a_write_is_without_the_wait_after_it(tmp_path: Path) -> None:
    hands = Hands()
    box = Box()
    box.failures = [RetryableError("a store", retry_after_s=2.0), RetryableError("a store", retry_after_s=2.0), None]
    seen: list[tuple[str, float]] = []
    async with opened(tmp_path) as log:
        await log.append(spans_record(1))
        worker = make_worker(tmp_path, log, box, hands)
        worker._delivery._observe = lambda sink, result, seconds: seen.append((result, seconds))
        await worker.open()
        worker.start()
        await until(settled(worker))
        await worker.stop()
    assert seen == [("failed", 0.0), ("failed", 0.0), ("stored", 0.0)]
    assert sum(hands.slept) >= 4.0


async def test_a_write_of_what_was_just_derived_takes_one_trip_to_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[str] = []
    to_thread = asyncio.to_thread

    async def counting(work: Any, *args: Any) -> Any:
        trips.append(getattr(work, "__qualname__", str(work)))
        return await to_thread(work, *args)

    box = Box()
    async with opened(tmp_path) as log, feeding(tmp_path, log, box) as worker:
        await log.append(spans_record(1))
        await until(settled(worker))
        monkeypatch.setattr("llm_obs_collector.sinks.worker.asyncio.to_thread", counting)
        await log.append(spans_record(2, 3))
        await until(settled(worker))
        assert box.numbers == [1, 2, 3]
    mine = [trip for trip in trips if trip.startswith(("SinkWorker", "parts", "open_records"))]
    assert mine == ["SinkWorker._work"]


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ({"spans", "dreams"}, "takes kinds out of.*got dreams.*sinks.box"),
        ({PayloadKind.CONTENTS, PayloadKind.MEASURES}, "takes spans where it takes contents"),
    ],
)
async def test_a_sink_with_kinds_that_cannot_be_is_refused(tmp_path: Path, kinds: set[Any], said: str) -> None:
    async with opened(tmp_path) as log:
        with pytest.raises(ConfigError, match=said):
            make_worker(tmp_path, log, Box(kinds=frozenset(kinds)))
