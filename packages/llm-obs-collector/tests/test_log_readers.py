"""What readers of the log rely on: lag, cursors, Positions after what a store holds, resends after a trim."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
from llm_obs_collector.log import FileLog
from llm_obs_collector.log.directory import LogDirectory, StreamDirectory
from llm_obs_core.errors import RetryableError
from llm_obs_core.model import Position, Stream
from logging_records import append, at, feed, open_log, record, room_for, segments


async def lags(log: FileLog, *after: Position | None) -> list[int]:
    return [await feed(log, "").lag(item) for item in after]


async def filled(root: Path, count: int, **settings: object) -> FileLog:
    log = open_log(root, segment_bytes=300, **settings)
    await log.start()
    for number in range(1, count + 1):
        await append(log, record(number))
    return log


async def test_the_lag_counts_items_after_a_position(tmp_path: Path) -> None:
    log = await filled(tmp_path, 10)
    assert (log.stats.appended_items, await lags(log, None, at(4), at(10))) == (55, [55, 45, 0])
    sink = feed(log)
    await sink.commit(at(7))
    assert await log.trim() > 0
    assert await lags(log, at(7), at(9)) == [27, 10]
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert await feed(log).committed() == at(7)
    assert (log.stats.appended_items, await lags(log, at(7))) == (0, [27])
    await append(log, record(5000, payload=b"x"))
    assert (log.stats.appended_items, await lags(log, at(10))) == (5000, [5000])
    await log.stop()


async def test_a_resend_after_trim_and_restart_is_still_recognised(tmp_path: Path) -> None:
    log = await filled(tmp_path, 12)
    sink = feed(log)
    await sink.commit(at(12))
    assert await log.trim() > 0
    assert len(segments(tmp_path)) == 1
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    for number in range(1, 13):
        again = await append(log, record(number))
        assert (again.duplicate, again.position.sequence) == (True, number)
    assert not (await append(log, record(3, tenant="other"))).duplicate
    await log.stop()
    log = open_log(tmp_path, dedup_window_s=0.0)
    await log.start()
    assert not (await append(log, record(1))).duplicate
    await log.stop()


async def test_digests_older_than_the_window_are_removed(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=300, dedup_window_s=600.0)
    await log.start()
    sink = feed(log)
    for number in range(1, 9):
        await append(log, record(number, received_ns=time.time_ns() - (700 if number < 5 else 0) * 10**9))
    await sink.commit(at(8))
    await log.trim()
    kept = sorted((tmp_path / "test" / "0").glob("*.seen"))
    assert 0 < len(kept) < 7
    damaged = kept[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    await log.stop()
    log = open_log(tmp_path)
    await log.start()  # a broken file is passed over
    await log.stop()


async def test_positions_go_on_after_what_a_store_holds(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    await feed(log, "lake").follow(at(500))
    await feed(log, "other").follow(Position("another-writer", 0, 9000))
    await feed(log, "other").follow(at(9000, Stream.DERIVED))
    assert await feed(log, "lake").committed() is None
    assert (await append(log, record(2))).position == at(501)
    assert await lags(log, at(500)) == [2]
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert (await append(log, record(3))).position == at(502)
    await log.stop()


async def test_cursors_are_written_off_the_loop_and_at_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    write = StreamDirectory.write_cursor

    def remembering(self: StreamDirectory, reader: str, sequence: int) -> None:
        threads.append(threading.current_thread().name)
        write(self, reader, sequence)

    monkeypatch.setattr(StreamDirectory, "write_cursor", remembering)
    monkeypatch.setattr("llm_obs_collector.log.cursors.INTERVAL_S", 0.0)
    log = await filled(tmp_path, 5)
    sink = feed(log)
    await sink.commit(at(3))
    assert threads == []
    while not threads:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await sink.commit(at(4))
    await log.stop()
    assert "MainThread" not in threads
    log = open_log(tmp_path)
    await log.start()
    assert await feed(log).committed() == at(4)
    await log.stop()


@pytest.mark.parametrize("spoilt", [0, 1])
async def test_a_cursor_whose_last_write_was_cut_off_is_the_one_before(tmp_path: Path, spoilt: int) -> None:
    whole = LogDirectory(tmp_path, "test")
    whole.open()
    folder = whole.streams[Stream.DERIVED]
    folder.make_cursor("sink")
    for sequence in (7, 8 + spoilt, 9 + spoilt):
        folder.write_cursor("sink", sequence)
    path = folder.cursors / "sink.cursor"
    data = path.read_bytes()
    half = len(data) // 2
    newer = max((0, half), key=lambda at: int.from_bytes(data[at + 4 : at + 12], "little"))
    path.write_bytes(data[:newer] + b"\xff" * half + data[newer + half :])
    assert folder.read_cursor("sink") == 8 + spoilt
    folder.write_cursor("sink", 20)
    assert folder.read_cursor("sink") == 20
    path.write_bytes(data[:100])
    folder.write_cursor("sink", 21)
    assert (folder.read_cursor("sink"), folder.cursor_names()) == (21, ["sink"])
    whole.close()


async def test_a_cursor_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: StreamDirectory, reader: str, sequence: int) -> None:
        raise OSError(28, "No space left on device")

    log = await filled(tmp_path, 5)
    sink = feed(log)
    await sink.commit(at(5))
    monkeypatch.setattr(StreamDirectory, "write_cursor", full)
    with pytest.raises(OSError, match="No space"):
        await log.trim()
    assert len(segments(tmp_path)) > 1
    await log.stop()


async def test_the_requests_that_are_recognised_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_obs_collector.log.stream.MAX_RECENT", 3)
    log = await filled(tmp_path, 5)
    assert [(await append(log, record(number))).duplicate for number in (5, 4, 3)] == [True] * 3
    assert not (await append(log, record(1))).duplicate
    await log.stop()


async def test_a_log_smaller_than_a_segment_does_not_fill_for_good(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=1 << 30, max_bytes=3000)
    await log.start()
    sink = feed(log)
    for number in range(1, 101):
        appended = await append(log, record(number))
        await sink.commit(appended.position)
        await log.trim()
    assert await log.trouble() == ""
    await log.stop()


async def test_a_full_disk_gets_its_room_back_from_what_is_stored(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    sink = feed(log)
    first = await append(log, record(1))
    with room_for(0), pytest.raises(RetryableError, match="File too large"):
        await append(log, record(2))
    assert await log.trim() == 0
    await sink.commit(first.position)
    assert await log.trim() > 0
    assert segments(tmp_path) == []
    assert (await append(log, record(2))).position == at(2)
    assert (await append(log, record(1))).duplicate
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert (await append(log, record(1))).duplicate
    assert await lags(log, None) == [2]
    await log.stop()


async def test_a_log_at_its_limit_is_no_longer_ready(tmp_path: Path) -> None:
    log = open_log(tmp_path, max_bytes=400)
    await log.start()
    assert await log.trouble() == ""
    await append(log, record(1))
    with pytest.raises(RetryableError, match=r"log\.max_bytes"):
        await asyncio.gather(*(append(log, record(number)) for number in range(2, 10)))
    assert "log.max_bytes" in await log.trouble()
    await log.stop()
    assert await log.trouble() == "the log is not open"
