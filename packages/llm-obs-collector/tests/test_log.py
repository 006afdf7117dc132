"""The log: order, group commit, resends, readers, limits, faults of the disk."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest
from llm_obs_core.errors import RetryableError, StoreError
from logging_records import append, at, feed, newest, open_log, read_back, record, room_for, segments


async def test_records_come_back_in_order_and_whole(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    written = [record(n, tenant="acmé" * (n % 4 + 1)) for n in range(1, 50)]
    appended = await asyncio.gather(*(append(log, item) for item in written))
    assert [item.position for item in appended] == [at(n) for n in range(1, 50)]
    assert await read_back(log, 49) == written
    assert await read_back(log, 9, after=at(40)) == written[40:]
    await log.stop()


@pytest.mark.parametrize("codec", ["none", "zstd"])
async def test_a_log_is_found_again(tmp_path: Path, codec: str) -> None:
    written = [record(n, payload=bytes(n * 100)) for n in range(1, 30)]
    for part in (written[:10], written[10:]):
        log = open_log(tmp_path, codec=codec, segment_bytes=1000)
        await log.start()
        for item in part:
            await append(log, item)
        await log.stop()
    log = open_log(tmp_path, codec=codec)
    await log.start()
    assert await newest(log) == 29
    assert await read_back(log, 29) == written
    assert len(segments(tmp_path)) > 2
    await log.stop()


async def test_waiting_records_share_a_commit(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await asyncio.gather(*(append(log, record(n)) for n in range(200)))
    assert log.stats.commits < 100
    await log.stop()


async def test_a_resend_is_acknowledged_and_not_stored(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    first, second = await asyncio.gather(append(log, record(1)), append(log, record(1)))
    third = await append(log, record(1))
    other = await append(log, record(1, tenant="other"))
    assert [item.duplicate for item in (first, second, third, other)] == [False, True, True, False]
    assert first.position == second.position == third.position != other.position
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    again = await append(log, record(1))
    assert (again.duplicate, again.position) == (True, first.position)
    await log.stop()
    log = open_log(tmp_path, dedup_window_s=0.0)
    await log.start()
    assert not (await append(log, record(1))).duplicate
    await log.stop()


async def test_a_reader_is_told_of_new_records(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    reading = asyncio.create_task(read_back(log, 20))
    for number in range(20):
        await append(log, record(number))
    assert [item.accepted for item in await reading] == list(range(20))
    await log.stop()


async def test_what_every_reader_has_is_trimmed(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=300)
    await log.start()
    fast = feed(log, "fast")
    slow = feed(log, "slow")
    for number in range(20):
        await append(log, record(number))
    before = len(segments(tmp_path))
    await fast.commit(at(20))
    assert await log.trim() == 0
    await slow.commit(at(11))
    assert await log.trim() > 0
    assert 1 < len(segments(tmp_path)) < before
    assert [item.accepted for item in await read_back(log, 9, after=at(11))] == list(range(11, 20))
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    feed(log, "slow")
    feed(log, "fast")
    assert await log.trim() == 0  # the slow reader's cursor came back
    await log.stop()


async def test_sequences_go_on_after_a_cursor_when_the_files_are_gone(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    sink = feed(log)
    for number in range(5):
        await append(log, record(number))
    await sink.commit(at(5))
    await log.stop()
    for path in segments(tmp_path):
        path.unlink()
    log = open_log(tmp_path)
    await log.start()
    assert (await append(log, record(9))).position.sequence == 6
    await log.stop()


async def test_a_broken_cursor_counts_as_none(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_bytes=300)
    await log.start()
    for number in range(9):
        await append(log, record(number))
    sink = feed(log)
    await sink.commit(at(9))
    await log.stop()
    (tmp_path / "test/0/cursors/sink.cursor").write_bytes(b"{" * 8_192)
    log = open_log(tmp_path)
    await log.start()
    assert await feed(log).committed() is None
    assert await log.trim() == 0
    await log.stop()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    with pytest.raises(StoreError, match="no other process.*stop the other"):
        await open_log(tmp_path).start()
    await log.stop()
    again = open_log(tmp_path)
    await again.start()
    await again.stop()
    await again.stop()


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    await log.stop()
    for path in (tmp_path / "test").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


async def test_a_full_quota_asks_senders_to_come_back(tmp_path: Path) -> None:
    log = open_log(tmp_path, max_bytes=1200)
    await log.start()
    await append(log, record(1, payload=bytes(900)))
    with pytest.raises(RetryableError, match=r"log\.max_bytes") as caught:
        await append(log, record(2, payload=bytes(900)))
    assert caught.value.retry_after_s
    await log.stop()


@pytest.mark.parametrize("call", ["write", "fdatasync"])
async def test_a_fault_of_the_disk_refuses_and_then_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    (path,) = segments(tmp_path)

    def failed(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with ExitStack() as broken:
        if call == "write":  # 50 bytes of it reach the file
            broken.enter_context(room_for(path.stat().st_size + 50))
        else:
            broken.enter_context(monkeypatch.context()).setattr(os, call, failed)
        with pytest.raises(RetryableError, match="free space"):
            await append(log, record(2))
    assert (await append(log, record(2))).position.sequence == 2
    assert not (await append(log, record(3))).duplicate
    await log.stop()
    written = sum(item.stat().st_size for item in segments(tmp_path))
    log = open_log(tmp_path)
    await log.start()
    assert [item.accepted for item in await read_back(log, 3)] == [1, 2, 3]
    assert (log.stats.corrupt_records, log.stats.size_bytes) == (0, written)
    await log.stop()


async def test_a_folder_that_cannot_be_made_names_the_repair(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"server\.data_dir"):
        await open_log(tmp_path / "file").start()
