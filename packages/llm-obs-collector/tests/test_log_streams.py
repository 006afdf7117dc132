"""The two streams of the file log: groups cut off, fences, the reserve, the spare, trimming."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest
from llm_obs_collector.log import FileLog
from llm_obs_collector.log.committer import Committer
from llm_obs_collector.log.directory import LogDirectory
from llm_obs_core.errors import FencedError, RetryableError, StoreError
from llm_obs_core.interfaces import StoredRecord
from llm_obs_core.model import Covers, LogRecord, Position, Stream
from logging_records import (
    NO_DIGEST,
    append,
    at,
    batches,
    derived,
    end,
    feed,
    newest,
    open_log,
    read_back,
    record,
    room_for,
    segments,
)


async def derive(log: FileLog, *records: LogRecord, expect: Position | None) -> list[int]:
    return [item.position.sequence for item in await log.derived.append(records, expect=expect)]


async def held(log: FileLog, stream: Stream = Stream.DERIVED) -> list[int]:
    found: list[int] = []
    after: Position | None = None
    while (item := await feed(log, "", stream).peek(after)) is not None:
        after = item.position
        found.append(after.sequence)
    return found


async def take(items: AsyncIterator[StoredRecord], count: int) -> AsyncIterator[StoredRecord]:
    for _ in range(count):
        yield await anext(items)


# --- Batches that were cut off ---------------------------------------------------------------------------------------
async def test_a_batch_cut_off_at_any_byte_was_never_there(tmp_path: Path) -> None:
    segment = await batches(tmp_path, 2)
    whole = segment.read_bytes()
    first = len(whole) // 2
    for cut in range(first, len(whole), 7):
        for path in segments(tmp_path, Stream.DERIVED):
            path.unlink()
        segment.write_bytes(whole[:cut] + (bytes(50) if cut % 2 else b""))
        log = open_log(tmp_path)
        await log.start()
        assert (await newest(log, Stream.DERIVED), await held(log)) == (3, [1, 2, 3])
        assert log.stats.corrupt_records == 0
        with pytest.raises(FencedError):
            await derive(log, derived(90), expect=end(6))
        assert await derive(log, derived(90), derived(91), expect=end(3)) == [4, 5]
        assert await held(log) == [1, 2, 3, 4, 5]
        await log.stop()


@pytest.mark.parametrize("member", [0, 1, 2])
@pytest.mark.parametrize("where", [20, -6])
async def test_a_batch_with_damage_in_it_is_passed_as_a_whole(tmp_path: Path, member: int, where: int) -> None:
    segment = await batches(tmp_path, 3)
    data = bytearray(segment.read_bytes())
    size = len(data) // 9
    data[(3 + member) * size + where + (size if where < 0 else 0)] ^= 1
    segment.write_bytes(bytes(data))
    log = open_log(tmp_path)
    await log.start()
    assert await held(log) == [1, 2, 3, 7, 8, 9]
    assert log.stats.corrupt_records >= 1
    assert await derive(log, derived(90), expect=end(9)) == [10]
    await log.stop()


async def test_damage_under_an_open_log_ends_no_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_obs_collector.log.stream.TAIL_BYTES", 0)  # all of it is read from the disk
    log = open_log(tmp_path)
    await log.start()
    for number in range(3):
        await log.derived.append([derived(10 * number + index) for index in range(3)])
    (segment,) = segments(tmp_path, Stream.DERIVED)
    data = bytearray(segment.read_bytes())
    third = len(data) // 3
    data[-6] ^= 1  # the last record's body
    data[third // 2] ^= 1
    segment.write_bytes(bytes(data))
    assert await held(log) == [4, 5, 6]
    assert await newest(log, Stream.DERIVED) == 6
    segment.write_bytes(bytes(len(data)))
    assert (await held(log), await newest(log, Stream.DERIVED)) == ([], 0)
    segment.write_bytes(b"")
    assert (await held(log), await newest(log, Stream.DERIVED)) == ([], 0)
    await log.stop()


async def test_a_batch_larger_than_one_read_is_read(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    big = [derived(number, payload=os.urandom(4 * 1024 * 1024)) for number in range(3)]
    assert await derive(log, derived(9), expect=None) == [1]
    assert await derive(log, *big, expect=end(1)) == [2, 3, 4]
    assert (await held(log), await newest(log, Stream.DERIVED)) == ([1, 2, 3, 4], 4)
    found = [item.record async for item in take(feed(log, "", Stream.DERIVED).read(end(1)), 3)]
    assert found == big
    await log.stop()


async def test_what_is_fenced_by_is_what_can_be_read(tmp_path: Path) -> None:
    """Also when the newest segment is lost and the last record of the one before it is damaged."""
    await batches(tmp_path, 8, size=1, segment_bytes=600)
    *_, before, last = segments(tmp_path, Stream.DERIVED)
    last.write_bytes(b"garbage")
    data = bytearray(before.read_bytes())
    data[-6] ^= 1
    before.write_bytes(bytes(data))
    log = open_log(tmp_path)
    await log.start()
    known = await newest(log, Stream.DERIVED)
    assert 0 < known < 7
    (new,) = await derive(log, derived(90), expect=end(known))
    assert new > known
    assert await newest(log, Stream.DERIVED) == new
    await log.stop()


# --- Fences ----------------------------------------------------------------------------------------------------------
async def test_a_fence_holds_over_a_jump_of_positions(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await feed(log, "store", Stream.DERIVED).follow(end(100))
    with pytest.raises(FencedError):
        await derive(log, derived(1), expect=end(100))
    assert await derive(log, derived(1), derived(2), expect=None) == [101, 102]
    await feed(log, "store", Stream.DERIVED).follow(end(200))
    with pytest.raises(FencedError):
        await derive(log, derived(3), expect=end(200))
    assert await derive(log, derived(3), expect=end(102)) == [201]
    with pytest.raises(FencedError):
        await derive(log, derived(4), expect=None)
    assert await newest(log, Stream.DERIVED) == 201
    await log.stop()


async def test_only_a_position_of_this_stream_opens_the_fence(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    assert await derive(log, derived(1), expect=None) == [1]
    for other in (at(1), Position("another", 0, 1, Stream.DERIVED), Position("test", 1, 1, Stream.DERIVED)):
        with pytest.raises(FencedError):
            await derive(log, derived(2), expect=other)
    assert await derive(log, derived(2), expect=end(1)) == [2]
    await log.stop()


async def test_a_position_of_another_stream_is_no_place_in_this_one(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    for number in range(3):
        await append(log, record(number))
    mine = feed(log)
    for other in (end(2), Position("another", 0, 2)):
        with pytest.raises(StoreError, match="accepted"):
            await mine.commit(other)
        with pytest.raises(StoreError, match="accepted"):
            await mine.peek(other)
        with pytest.raises(StoreError, match="accepted"):
            await mine.lag(other)
        with pytest.raises(StoreError, match="accepted"):
            await anext(mine.read(other))
        await mine.follow(other)  # nothing that this stream could take for old
    assert await mine.committed() is None
    assert (await append(log, record(9))).position == at(4)
    await log.stop()


async def test_a_refused_write_leaves_the_fence_where_it_was(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    assert await derive(log, derived(1), expect=None) == [1]
    log.derived.directory.path.parent.joinpath("spare.bin").unlink(missing_ok=True)
    with room_for(segments(tmp_path, Stream.DERIVED)[0].stat().st_size + 50), pytest.raises(RetryableError):
        await derive(log, *(derived(number) for number in range(2, 9)), expect=end(1))
    assert await held(log) == [1]
    assert await derive(log, derived(2), expect=end(1)) == [2]
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert await held(log) == [1, 2]
    await log.stop()


# --- Resends ---------------------------------------------------------------------------------------------------------
async def test_requests_of_several_records_that_cross_are_stored_once(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    one, two, three = (record(number) for number in (1, 2, 3))
    done = await asyncio.gather(
        *(log.accepted.append(group) for group in ([two], [one, two], [one], [three, one, two]))
    )
    assert {item.accepted for item in await read_back(log, 3)} == {1, 2, 3}
    assert log.stats.appended_items == 6
    assert [item.position for item in done[3][1:]] == [done[2][0].position, done[0][0].position]
    both = await log.accepted.append([record(4), record(4)])
    assert [item.duplicate for item in both] == [False, True]
    assert both[0].position == both[1].position
    await log.stop()


async def test_an_equal_request_is_not_refused_for_the_neighbour_of_the_first(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    bad = msgspec.structs.replace(record(2), rejected=2**32)
    first, second = await asyncio.gather(
        log.accepted.append([record(1), bad]), log.accepted.append([record(1)]), return_exceptions=True
    )
    assert isinstance(first, BaseException)
    assert not isinstance(second, BaseException)
    assert not second[0].duplicate
    assert await newest(log) == 1
    await log.stop()


async def test_a_group_that_the_format_has_no_room_for_is_told_so(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    with pytest.raises(StoreError, match="65,535 records"):
        await log.derived.append([derived(1)] * 65_536)
    with pytest.raises(StoreError, match="range of records of this log"):
        await log.derived.append([derived(1, covers=Covers(Position("b", 0, 1), Position("b", 0, 2)))])
    assert await held(log) == []
    await log.stop()


# --- Quota and reserve -----------------------------------------------------------------------------------------------
MAX = 400_000


async def full(root: Path) -> FileLog:
    log = open_log(root, max_bytes=MAX)
    await log.start()
    feed(log)
    big = (record(number, payload=bytes(4000)) for number in range(1, 1000))
    assert await until_refused(log, big) == 87
    return log


async def until_refused(log: FileLog, records: Iterable[LogRecord]) -> int:
    """How many of them the log takes."""
    for count, item in enumerate(records):
        try:
            await log.writer(Stream.DERIVED if item.covers else Stream.ACCEPTED).append([item])
        except RetryableError:
            return count
    raise AssertionError("the log never said that it is full")


async def test_what_has_a_target_leaves_room_for_what_is_derived(tmp_path: Path) -> None:
    log = await full(tmp_path)
    assert "log.max_bytes" in await log.trouble()
    again = record(1, payload=bytes(4000))
    targeted = msgspec.structs.replace(again, target="lake", origin=at(1), digest=NO_DIGEST)
    assert 0 < await until_refused(log, [targeted] * 100) < 10
    last = end(await until_refused(log, (derived(number, payload=os.urandom(1000)) for number in range(1000))))
    assert last.sequence > 15
    assert MAX - 6000 < (log.stats.size_bytes or 0) <= MAX
    await feed(log).commit(at(60))
    assert await log.trim() > 0
    assert await log.trouble() == ""
    assert await derive(log, derived(5000), expect=last) == [last.sequence + 1]
    await append(log, record(5000))
    await log.stop()


async def test_a_mixed_group_of_receivers_has_no_reserve(tmp_path: Path) -> None:
    log = await full(tmp_path)
    targeted = msgspec.structs.replace(record(1), target="lake", digest=NO_DIGEST)
    with pytest.raises(RetryableError):
        await log.accepted.append([targeted, record(5000, payload=bytes(4000))])
    await log.stop()


async def test_the_size_is_that_of_the_files(tmp_path: Path) -> None:
    def on_disk() -> int:
        return sum(path.stat().st_size for stream in Stream for path in segments(tmp_path, stream))

    log = open_log(tmp_path, segment_bytes=1000)
    await log.start()
    sinks = [feed(log, "sink", stream) for stream in Stream]
    for number in range(1, 30):
        await append(log, record(number))
        await log.derived.append([derived(number), derived(100 + number)])
    assert log.stats.size_bytes == on_disk() > 0
    await sinks[0].commit(at(17))
    await sinks[1].commit(end(33))
    freed = await asyncio.gather(log.trim(), log.trim(), log.trim())
    assert log.stats.size_bytes == on_disk() > 0
    assert sum(freed) > 0
    await log.stop()
    segment = segments(tmp_path, Stream.DERIVED)[-1]
    segment.write_bytes(segment.read_bytes()[:-3])
    log = open_log(tmp_path)
    await log.start()
    assert log.stats.size_bytes == on_disk()
    await log.stop()


# --- Trimming --------------------------------------------------------------------------------------------------------
async def test_the_last_derived_record_stays_whatever_the_disk_does(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    sinks = [feed(log, "sink", stream) for stream in Stream]
    await append(log, record(1))
    await derive(log, derived(1), expect=None)
    with room_for(0):
        with pytest.raises(RetryableError):
            await append(log, record(2))
        with pytest.raises(RetryableError):
            await derive(log, derived(2), expect=end(1))
    await sinks[0].commit(at(1))
    await sinks[1].commit(end(1))
    assert await log.trim() > 0
    assert (segments(tmp_path), await newest(log, Stream.DERIVED)) == ([], 1)
    await log.stop()
    for path in (tmp_path / "test/0/cursors").iterdir():  # so that only the derived record knows
        path.unlink()
    log = open_log(tmp_path)
    await log.start()
    item = await feed(log, "", Stream.DERIVED).newest()
    assert item is not None
    assert item.record.covers == Covers(at(1), at(1))
    await feed(log, "assembly").follow(item.record.covers.last)
    assert (await append(log, record(3))).position == at(2)
    assert await derive(log, derived(2, last=2), expect=end(1)) == [2]
    await log.stop()


async def test_a_segment_trimmed_under_a_reader_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that holds nothing back goes on with what is there."""
    monkeypatch.setattr("llm_obs_collector.log.stream.TAIL_BYTES", 0)  # all of it is read from the disk
    from llm_obs_collector.log import stream

    log = open_log(tmp_path, segment_bytes=300)
    await log.start()
    sink = feed(log)
    for number in range(1, 13):
        await append(log, record(number))
    await sink.commit(at(8))
    real = stream.read_some
    loop = asyncio.get_running_loop()

    def after_a_trim(*args: object) -> object:
        monkeypatch.setattr(stream, "read_some", real)
        asyncio.run_coroutine_threadsafe(log.trim(), loop).result()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(stream, "read_some", after_a_trim)
    item = await feed(log, "").peek(None)
    assert item is not None
    assert 1 < item.position.sequence <= 9
    await log.stop()


async def test_a_reader_keeps_a_cursor_in_each_stream(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    for number in range(1, 5):
        await append(log, record(number))
        await log.derived.append([derived(number)])
    await feed(log, "sink", Stream.ACCEPTED).commit(at(4))
    await feed(log, "sink", Stream.DERIVED).commit(end(2))
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert await feed(log, "sink", Stream.ACCEPTED).committed() == at(4)
    assert await feed(log, "sink", Stream.DERIVED).committed() == end(2)
    assert await feed(log, "sink", Stream.DERIVED).lag(end(2)) == 7
    await log.stop()


async def test_cursors_are_written_after_a_second_start_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    await append(log, record(2))
    await feed(log).commit(at(1))
    await log.stop()
    monkeypatch.setattr("llm_obs_collector.log.cursors.INTERVAL_S", 0.0)
    await log.start()
    await feed(log).commit(at(2))
    while log.accepted.directory.read_cursor("sink") != 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await log.stop()


# --- The spare -------------------------------------------------------------------------------------------------------
async def test_once_the_disk_is_full_its_spare_is_for_what_is_derived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(tmp_path)
    await log.start()
    spare = tmp_path / "test/0/spare.bin"
    assert spare.stat().st_blocks * 512 >= 16 * 1024 * 1024
    await append(log, record(1))
    with room_for(0):
        with pytest.raises(RetryableError):
            await append(log, record(2))
        assert spare.exists()
        with pytest.raises(RetryableError):
            await derive(log, derived(1), expect=None)
    assert not spare.exists()
    monkeypatch.setattr(LogDirectory, "keep_spare", lambda self, nbytes: False)  # no room for another
    assert await derive(log, derived(1), expect=None) == [1]
    with pytest.raises(RetryableError, match="room on the disk"):
        await append(log, record(2))
    assert "disk" in await log.trouble()
    targeted = msgspec.structs.replace(record(1), target="lake", digest=NO_DIGEST)
    with pytest.raises(RetryableError, match="room on the disk"):
        await append(log, targeted)
    assert await derive(log, derived(2), expect=end(1)) == [2]
    monkeypatch.undo()
    assert await log.trouble() == ""
    assert spare.exists()
    await append(log, record(2))
    await log.stop()


# --- Processes and threads -------------------------------------------------------------------------------------------
async def test_another_process_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    await log.derived.append([derived(1)])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "test").rglob("*")}
    script = (
        "import asyncio, sys\n"
        "from llm_obs_collector.log import FileLog\n"
        "from llm_obs_core.config import LogSettings\n"
        "asyncio.run(FileLog(sys.argv[1], 'test', LogSettings()).start())\n"
    )
    other = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "a log that no other process has open" in other.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "test").rglob("*")} == before
    await append(log, record(2))
    await log.stop()


async def test_the_committing_thread_calls_nothing_of_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has done reaches segments, lag and sizes through the loop alone."""
    threads: set[str] = set()
    real = Committer.__init__

    def watched(self: Committer, *args: object, **named: object) -> None:
        for name in ("committed", "failed"):
            call = named[name]

            def noted(item: object, call: object = call) -> None:
                threads.add(threading.current_thread().name)
                call(item)  # type: ignore[operator]

            named[name] = noted
        real(self, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Committer, "__init__", watched)
    log = open_log(tmp_path)
    await log.start()
    given = [record(1), record(2)]
    appending = asyncio.create_task(log.accepted.append(given))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    given.clear()  # a sender's list is the sender's
    assert len(await appending) == 2
    with room_for(0), pytest.raises(RetryableError):
        await append(log, record(3))
    assert threads == {threading.current_thread().name}
    await log.stop()
