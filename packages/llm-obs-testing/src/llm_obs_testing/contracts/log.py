"""What every log has to pass, whatever engine is under it: Positions ascend, with gaps, and are not counted with."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from llm_obs_core.errors import FencedError, LlmObsError, RetryableError, StoreError
from llm_obs_core.interfaces import Log, StoredRecord
from llm_obs_core.model import LogRecord, Position, RecordKind, Stream

from llm_obs_testing.records import NO_DIGEST, append, derived, first, held, record

__all__ = ["LogContract"]

READER: Final = "test"
MOST_TO_FILL: Final = 20_000
"""Records of 4 KiB after which a log of `full` must be full."""


class LogContract:
    """Subclass it, write `make` (and `full`, where the log has a quota), and run pytest."""

    def make(self, folder: Path) -> Log:
        """The log in this folder; called again for the same log, as after a restart."""
        raise NotImplementedError

    def full(self, folder: Path) -> Log | None:
        """The same with a quota of `accepted` of a few MiB; None when the log has none of its own."""
        return None

    async def crash(self, log: Log) -> None:
        """Lets go of a log as its process's end would. Stopping is the nearest when it holds a lock."""
        await log.stop()

    # --- How the tests work ---

    def during(self, folder: Path, work: Callable[[Log], Coroutine[Any, Any, None]], log: Log | None = None) -> None:
        """Runs `work` with a log that is started, and stops it."""

        async def whole() -> None:
            opened = self.make(folder) if log is None else log
            await opened.start()
            try:
                await asyncio.wait_for(work(opened), 120)
            finally:
                await opened.stop()

        asyncio.run(whole())

    # --- Order and reading ---

    def test_positions_ascend_and_records_come_back(self, tmp_path: Path) -> None:
        """In order, as they were, whoever was waiting."""

        async def work(log: Log) -> None:
            feed = log.feed(Stream.ACCEPTED, READER)
            waiting = asyncio.create_task(first(feed, 3))
            positions = [position for number in range(3) for position in await append(log, record(number))]
            assert sorted(set(positions)) == positions
            assert {position.stream for position in positions} == {Stream.ACCEPTED}
            found = await waiting
            assert [item.position for item in found] == positions
            assert [item.record for item in found] == [record(number) for number in range(3)]
            assert [item.record for item in await first(feed, 1, positions[1])] == [record(2)]

        self.during(tmp_path, work)

    def test_what_a_record_says_comes_back(self, tmp_path: Path) -> None:
        """Every field: a target with the origin, what is covered, versions; an empty payload and a large one."""

        async def work(log: Log) -> None:
            (old,) = await append(log, record(1))
            noise = random.Random(1).randbytes(700_000)  # noqa: S311
            accepted = [
                record(2, normalizer_version=7, prices_version=20_400, scrub_version=3, rejected=5, slice=2),
                record(3, target="store", origin=old, digest=NO_DIGEST),
                record(4, kind=RecordKind.ANNOTATION, tenant="acmé 日本"),
                record(5, payload=b"", accepted=0),
                record(6, payload=noise),
            ]
            batch = [
                derived(7, old, accepted=0),
                derived(8, old, old, kind=RecordKind.COVERED, tenant=""),
                derived(9, old, target="store", origin=Position("another writer", 3, 2**40, Stream.DERIVED)),
            ]
            for stream, records in ((Stream.ACCEPTED, accepted), (Stream.DERIVED, batch)):
                await append(log, *records, stream=stream)
                assert [item.record for item in await held(log, stream)][-len(records) :] == records

        self.during(tmp_path, work)

    def test_one_record_can_be_looked_at(self, tmp_path: Path) -> None:
        """The first after a Position, and the newest; none is no error, and nobody waits."""

        async def work(log: Log) -> None:
            feed = log.feed(Stream.ACCEPTED, READER)
            assert await feed.peek(None) is None
            assert await feed.newest() is None
            positions = await append(log, *map(record, range(3)))
            for after, number in ((None, 0), (positions[0], 1), (positions[1], 2)):
                item = await feed.peek(after)
                assert item == StoredRecord(positions[number], record(number))
            assert await feed.peek(positions[2]) is None
            assert await feed.newest() == StoredRecord(positions[2], record(2))

        self.during(tmp_path, work)

    def test_lag_counts_items(self, tmp_path: Path) -> None:
        """Of the records after a Position."""

        async def work(log: Log) -> None:
            feed = log.feed(Stream.ACCEPTED, READER)
            assert await feed.lag(None) == 0
            positions = await append(log, record(1), record(2, accepted=5), record(3, accepted=0))
            positions += await append(log, record(4, accepted=1))
            lags = [await feed.lag(after) for after in (None, *positions)]
            assert lags == [8, 6, 1, 1, 0]
            assert log.stats.appended_items == 8

        self.during(tmp_path, work)

    def test_readers_are_apart(self, tmp_path: Path) -> None:
        """Each goes its own way through the stream."""

        async def work(log: Log) -> None:
            one, two = log.feed(Stream.ACCEPTED, "one"), log.feed(Stream.ACCEPTED, "two")
            positions = await append(log, *map(record, range(4)))
            await one.commit(positions[2])
            assert (await one.committed(), await two.committed()) == (positions[2], None)
            assert [item.position for item in await first(two, 4)] == positions
            assert [item.position for item in await first(one, 1, positions[2])] == positions[3:]
            await one.commit(positions[0])
            assert await one.committed() == positions[2], "a commit never goes back"

        self.during(tmp_path, work)

    def test_streams_are_apart(self, tmp_path: Path) -> None:
        """Their records, their Positions, their readers."""

        async def work(log: Log) -> None:
            accepted, other = log.feed(Stream.ACCEPTED, READER), log.feed(Stream.DERIVED, READER)
            waiting = asyncio.create_task(first(other, 1))
            positions = await append(log, *map(record, range(3)))
            assert await other.newest() is None
            assert await other.lag(None) == 0
            mine = await append(log, derived(9, positions[0], positions[2]), stream=Stream.DERIVED)
            assert mine[0].stream is Stream.DERIVED
            assert [item.position for item in await waiting] == mine
            assert await accepted.newest() == StoredRecord(positions[2], record(2))
            await other.commit(mine[0])
            assert await accepted.committed() is None
            assert log.stats.appended_items == 6, "what is derived was accepted before"

        self.during(tmp_path, work)

    # --- Appending ---

    def test_a_resend_is_kept_once(self, tmp_path: Path) -> None:
        """By tenant, digest and slice; another tenant's equal request is its own."""

        async def work(log: Log) -> None:
            writer = log.writer(Stream.ACCEPTED)
            parts = [record(1, slice=number) for number in range(3)]
            one = await writer.append(parts[:2])
            again = await writer.append(parts[:2])
            other = await writer.append([record(1, tenant="acme")])
            assert [item.duplicate for item in (*one, *again, *other)] == [False, False, True, True, False]
            assert [item.position for item in again] == [item.position for item in one]
            more = await writer.append(parts)  # of a request that was cut anew only the rest is missing
            assert [item.duplicate for item in more] == [True, True, False]
            assert [item.position for item in more[:2]] == [item.position for item in one]
            both = await asyncio.gather(*(writer.append([record(2)]) for _ in range(4)))
            assert sorted(item.duplicate for (item,) in both) == [False, True, True, True]
            assert len({item.position for (item,) in both}) == 1
            twice = await writer.append([record(3), record(4), record(3)])  # in one append too
            assert [item.duplicate for item in twice] == [False, False, True]
            assert twice[2].position == twice[0].position
            assert log.stats.appended_items == 14

        self.during(tmp_path, work)

    def test_without_a_digest_nothing_is_a_resend(self, tmp_path: Path) -> None:
        """Zeros: what is derived, and what is offered again on purpose."""

        async def work(log: Log) -> None:
            again = record(1, digest=NO_DIGEST)
            found = await log.writer(Stream.ACCEPTED).append([again, again])
            found = [*found, *await log.writer(Stream.ACCEPTED).append([again])]
            assert [item.duplicate for item in found] == [False, False, False]
            assert len({item.position for item in found}) == 3

        self.during(tmp_path, work)

    def test_many_writers(self, tmp_path: Path) -> None:
        """Of appends at the same time each keeps its order, and none is lost."""

        async def work(log: Log) -> None:
            writers = [log.writer(Stream.ACCEPTED) for _ in range(8)]
            groups = [[record(10 * number + place) for place in range(3)] for number in range(40)]
            done = await asyncio.gather(*(writers[number % 8].append(group) for number, group in enumerate(groups)))
            found = {item.position: item.record for item in await held(log)}
            assert len(found) == 120
            for group, appended in zip(groups, done, strict=True):
                positions = [item.position for item in appended]
                assert sorted(positions) == positions
                assert [found[position] for position in positions] == group

        self.during(tmp_path, work)

    def test_an_append_is_all_or_nothing(self, tmp_path: Path) -> None:
        """One that is cut off at any step, and the process with it, leaves all of its records or none."""
        groups = [[derived(10 * number + place, _anywhere()) for place in range(5)] for number in range(8)]
        log = self.make(tmp_path)

        async def cut() -> None:
            await log.start()
            writing = [asyncio.create_task(_append(log, Stream.DERIVED, group)) for group in groups]
            for number, task in enumerate(writing):
                for _ in range(number):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.gather(*writing, return_exceptions=True)
            await self.crash(log)

        asyncio.run(cut())

        async def look(log: Log) -> None:
            found = [item.record for item in await held(log, Stream.DERIVED)]
            for group in groups:
                assert [item for item in found if item in group] in ([], group)

        self.during(tmp_path, look)

    def test_what_is_appended_survives_a_crash(self, tmp_path: Path) -> None:
        """It was durable when `append` returned."""
        log = self.make(tmp_path)

        async def work() -> None:
            await log.start()
            await append(log, *map(record, range(3)))
            await self.crash(log)

        asyncio.run(work())

        async def look(log: Log) -> None:
            assert [item.record for item in await held(log)] == [record(number) for number in range(3)]

        self.during(tmp_path, look)

    def test_an_append_can_be_fenced(self, tmp_path: Path) -> None:
        """By the last Position of its stream, None where that is empty."""

        async def work(log: Log) -> None:
            accepted = await append(log, record(1))
            writer = log.writer(Stream.DERIVED)
            with pytest.raises(FencedError):
                await writer.append([derived(1, accepted[0])], expect=accepted[0])
            one = await writer.append([derived(1, accepted[0]), derived(2, accepted[0])], expect=None)
            for wrong in (None, one[0].position):
                with pytest.raises(FencedError):
                    await writer.append([derived(3, accepted[0])], expect=wrong)
            two = await writer.append([derived(4, accepted[0])], expect=one[-1].position)
            three = await writer.append([derived(5, accepted[0])])
            with pytest.raises(FencedError):
                await writer.append([derived(6, accepted[0])], expect=two[0].position)
            last = await log.feed(Stream.DERIVED, READER).newest()
            assert last is not None
            assert last.position == three[0].position
            assert len(await held(log, Stream.DERIVED)) == 4

        self.during(tmp_path, work)

    def test_of_two_that_expect_the_same_one_wins(self, tmp_path: Path) -> None:
        """However they meet; the other appends nothing."""

        async def work(log: Log) -> None:
            (source,) = await append(log, record(1))
            last: Position | None = None
            for turn in range(10):
                rivals = [
                    log.writer(Stream.DERIVED).append([derived(100 * turn + rival, source)] * 2, expect=last)
                    for rival in range(4)
                ]
                done = await asyncio.gather(*rivals, return_exceptions=True)
                won = [item for item in done if not isinstance(item, BaseException)]
                assert len(won) == 1
                assert sum(isinstance(item, FencedError) for item in done) == 3
                last = won[0][-1].position
            assert len(await held(log, Stream.DERIVED)) == 20

        self.during(tmp_path, work)

    # --- Restart ---

    def test_a_restart_finds_everything(self, tmp_path: Path) -> None:
        """Records, resends, the last Position, and where each reader was."""
        positions: list[Position] = []

        async def before(log: Log) -> None:
            positions.extend(await append(log, *map(record, range(4))))
            await log.feed(Stream.ACCEPTED, "store").commit(positions[1])
            await append(log, derived(9, positions[0]), stream=Stream.DERIVED)

        async def after(log: Log) -> None:
            feed = log.feed(Stream.ACCEPTED, "store")
            at = await feed.committed()
            assert at == positions[1]
            assert log.stats.appended_items == 0
            assert await feed.lag(at) == 4
            assert await feed.newest() == StoredRecord(positions[3], record(3))
            assert [item.record for item in await first(feed, 2, at)] == [record(2), record(3)]
            (again,) = await log.writer(Stream.ACCEPTED).append([record(3)])
            assert again.duplicate
            assert again.position == positions[3]
            (new,) = await append(log, record(4))
            assert new > positions[3]
            newest = await log.feed(Stream.DERIVED, "store").newest()
            assert newest is not None
            assert newest.record == derived(9, positions[0])
            with pytest.raises(FencedError):
                await log.writer(Stream.DERIVED).append([derived(10, new)], expect=None)
            await log.writer(Stream.DERIVED).append([derived(11, new)], expect=newest.position)

        self.during(tmp_path, before)
        self.during(tmp_path, after)

    def test_new_records_are_after_what_a_store_holds(self, tmp_path: Path) -> None:
        """Also when the log lost its own records, unless it says that it cannot promise that."""
        lost: dict[Stream, Position] = {}

        async def fill(log: Log) -> None:
            positions = await append(log, *map(record, range(7)))
            lost[Stream.ACCEPTED] = positions[-1]
            batch = [derived(number, positions[0]) for number in range(7)]
            lost[Stream.DERIVED] = (await append(log, *batch, stream=Stream.DERIVED))[-1]

        async def work(log: Log) -> None:
            for stream in Stream:
                feed = log.feed(stream, "store")
                try:
                    await feed.follow(lost[stream])
                except StoreError:
                    continue
                (new,) = await append(log, record(100), stream=stream)
                assert new > lost[stream]
                await feed.follow(lost[stream])  # nothing to do
                assert await feed.newest() == StoredRecord(new, record(100))

        for name in ("lost", "new"):
            (tmp_path / name).mkdir()
        self.during(tmp_path / "lost", fill)
        self.during(tmp_path / "new", work)

    # --- Trimming ---

    def test_nothing_is_trimmed_that_a_reader_needs(self, tmp_path: Path) -> None:
        """The slowest reader of a stream decides, also one that has committed nothing yet or before a restart."""
        records = [record(number, payload=_noise(number)) for number in range(40)]

        async def work(log: Log) -> None:
            quick, slow = log.feed(Stream.ACCEPTED, "quick"), log.feed(Stream.ACCEPTED, "slow")
            for item in records:
                await append(log, item)
            positions = [item.position for item in await first(quick, 40)]
            await quick.commit(positions[39])
            await log.trim()
            assert [item.record for item in await first(quick, 40)] == records
            await slow.commit(positions[9])
            await log.trim()
            assert [item.record for item in await first(slow, 30, positions[9])] == records[10:]

        async def again(log: Log) -> None:
            slow = log.feed(Stream.ACCEPTED, "slow")
            log.feed(Stream.ACCEPTED, "quick")
            await log.trim()
            assert [item.record for item in await first(slow, 30, await slow.committed())] == records[10:]

        self.during(tmp_path, work)
        self.during(tmp_path, again)

    def test_trimming_a_stream_leaves_the_other(self, tmp_path: Path) -> None:
        """Readers of one stream say nothing about the other."""

        async def work(log: Log) -> None:
            accepted, other = log.feed(Stream.ACCEPTED, READER), log.feed(Stream.DERIVED, READER)
            records = [record(number, payload=_noise(number)) for number in range(20)]
            positions = await append(log, *records)
            batch = [derived(number, positions[0], payload=_noise(number)) for number in range(20)]
            mine = await append(log, *batch, stream=Stream.DERIVED)
            await other.commit(mine[-1])
            await log.trim()
            assert [item.record for item in await first(accepted, 20)] == records

        self.during(tmp_path, work)

    def test_a_trimmed_stream_knows_where_it_is(self, tmp_path: Path) -> None:
        """Its newest record stays, so that what is derived goes on from there; and Positions go on ascending."""
        ends: list[Position] = []

        async def work(log: Log) -> None:
            feed = log.feed(Stream.DERIVED, READER)
            (source,) = await append(log, record(1))
            for number in range(40):
                ends[:] = await append(log, derived(number, source, payload=_noise(number)), stream=Stream.DERIVED)
            await feed.commit(ends[0])
            await log.trim()
            newest = await feed.newest()
            assert newest is not None
            assert newest.position == ends[0]
            assert await feed.lag(ends[0]) == 0

        async def again(log: Log) -> None:
            newest = await log.feed(Stream.DERIVED, READER).newest()
            assert newest is not None
            assert newest.position == ends[0]
            (new,) = await log.writer(Stream.DERIVED).append([derived(50, ends[0])], expect=ends[0])
            assert new.position > ends[0]

        self.during(tmp_path, work)
        self.during(tmp_path, again)

    # --- Quota ---

    def test_a_full_log_keeps_a_reserve(self, tmp_path: Path) -> None:
        """`accepted` at its quota refuses what is new; what is derived or has a target is taken, and drains it."""
        log = self.full(tmp_path)
        if log is None:
            pytest.skip("the log has no quota of its own")

        async def work(log: Log) -> None:
            feed = log.feed(Stream.ACCEPTED, READER)
            assert await log.trouble() == ""
            positions = await _fill(log)
            assert await log.trouble() != ""
            (again,) = await log.writer(Stream.ACCEPTED).append([record(0, payload=_noise(0))])
            assert again.duplicate, "what it has it need not take"
            await append(log, derived(1, positions[0], positions[-1]), stream=Stream.DERIVED)
            extra = record(2, target="store", origin=positions[0], digest=NO_DIGEST)
            (last,) = await append(log, extra)
            assert [item.record for item in await first(feed, 1, positions[-1])] == [extra]
            await feed.commit(last)
            await log.trim()
            assert await log.trouble() == ""
            (new,) = await append(log, record(MOST_TO_FILL + 1, payload=_noise(3)))
            assert new > last

        self.during(tmp_path, work, log)

    # --- Stopping ---

    def test_stopping_is_always_possible(self, tmp_path: Path) -> None:
        """Before the start and twice; a stopped log refuses, and says why."""

        async def whole() -> None:
            log = self.make(tmp_path)
            await log.stop()
            await log.start()
            assert await log.trouble() == ""
            await log.stop()
            await log.stop()
            assert await log.trouble() != ""
            for stream in Stream:
                with pytest.raises(LlmObsError):
                    await append(log, record(1), stream=stream)

        asyncio.run(whole())


async def _append(log: Log, stream: Stream, records: Sequence[LogRecord]) -> None:
    await log.writer(stream).append(records)


async def _fill(log: Log) -> list[Position]:
    positions: list[Position] = []
    for number in range(MOST_TO_FILL):
        try:
            positions += await append(log, record(number, payload=_noise(number)))
        except RetryableError:
            return positions
    raise AssertionError(f"expected a full log after {MOST_TO_FILL} records of 4 KiB")


def _noise(number: int) -> bytes:
    """4 KiB that do not compress."""
    return random.Random(number).randbytes(4096)  # noqa: S311


def _anywhere() -> Position:
    return Position("local", 0, 1)
