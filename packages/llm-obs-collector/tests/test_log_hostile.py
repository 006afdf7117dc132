"""Hostile bytes and double faults: a payload never passes for a record, and no fault hides an acknowledged one."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from llm_obs_collector.log.directory import StreamDirectory
from llm_obs_core import owned
from llm_obs_core.errors import RetryableError, StoreError
from llm_obs_core_ext.checksum import crc32c
from llm_obs_core_ext.segment import Damage, scan
from logging_records import append, framed, newest, open_log, read_back, record, segments


def found(data: bytes) -> list[int]:
    return [item.sequence for item in scan(data) if not isinstance(item, Damage)]


def other_format(sequence: int) -> bytes:
    data = bytearray(framed(record(66), sequence))
    data[6] = 3
    end = int.from_bytes(data[4:6], "little")
    data[end - 4 : end] = crc32c(bytes(data[: end - 4])).to_bytes(4, "little")
    return bytes(data)


def test_a_record_inside_a_torn_payload_is_not_believed() -> None:
    for inner in (framed(record(66, tenant="victim"), 2), other_format(2)):
        torn = framed(record(2, payload=inner + bytes(4000)), 2)[:-2000]
        assert found(framed(record(1), 1) + torn) == [1]


@pytest.mark.parametrize("inner", [framed(record(66, tenant="victim"), 10**15), other_format(2)])
async def test_a_record_inside_a_damaged_one_hides_nothing(tmp_path: Path, inner: bytes) -> None:
    damaged = bytearray(framed(record(2, payload=inner), 2))
    damaged[20] ^= 1
    data = framed(record(1), 1) + bytes(damaged) + framed(record(3), 3)
    assert found(data) == [1, 3]
    folder = tmp_path / "test" / "0"
    folder.mkdir(parents=True)
    (folder / f"{1:020d}.seg").write_bytes(data)
    log = open_log(tmp_path)
    await log.start()
    assert [item.accepted for item in await read_back(log, 2)] == [1, 3]
    assert (await newest(log), log.stats.size_bytes) == (3, len(data))
    await log.stop()


async def test_a_segment_whose_first_record_is_damaged_is_read_on(tmp_path: Path) -> None:
    folder = tmp_path / "test" / "0"
    folder.mkdir(parents=True)
    damaged = bytearray(framed(record(500), 500))
    damaged[20] ^= 1
    (folder / f"{500:020d}.seg").write_bytes(bytes(damaged) + framed(record(501), 501))
    log = open_log(tmp_path)
    await log.start()
    assert [item.accepted for item in await read_back(log, 1)] == [501]
    assert await newest(log) == 501
    await log.stop()


async def test_a_refused_record_that_could_not_be_cut_off_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", fails)
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(RetryableError):
            await append(log, record(50))
    await append(log, record(2))
    await append(log, record(3))
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    assert [item.accepted for item in await read_back(log, 3)] == [1, 2, 3]
    await log.stop()


async def test_a_disk_that_is_full_at_the_start_names_the_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "test" / "0"
    folder.mkdir(parents=True)
    kept = record(1)
    (folder / f"{1:020d}.seg").write_bytes(framed(kept, 1) + b"garbage")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = open_log(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(StreamDirectory, "keep_damage", full)
        with pytest.raises(StoreError, match="No space left.*free space"):
            await log.start()
    await log.start()
    assert await newest(log) == 1
    assert [path.read_bytes() for path in segments(tmp_path)] == [framed(kept, 1)]
    await log.stop()


async def test_a_record_is_not_acknowledged_into_a_deleted_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_obs_collector.log.stream.TAIL_BYTES", 0)  # all of it is read from the disk
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    moved = tmp_path / "moved"
    (tmp_path / "test").rename(moved)
    await append(log, record(2))  # it is where the folder is now
    shutil.rmtree(moved)
    for number in (3, 4):
        with pytest.raises(RetryableError, match="a sound disk for the log"):
            await append(log, record(number))
    assert "No such file" in await log.trouble()
    with pytest.raises(RetryableError, match=r"a segment that can be read.*\.seg"):
        await read_back(log, 1)
    (tmp_path / "test" / "0").mkdir(parents=True)
    assert await log.trouble() == ""
    assert (await append(log, record(3))).position.sequence == 3
    await log.stop()


async def test_a_record_that_does_not_fit_the_format_fails_alone(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    bad = msgspec.structs.replace(record(2), rejected=2**32)
    results = await asyncio.gather(*(append(log, item) for item in (record(1), bad, record(3))), return_exceptions=True)
    assert [isinstance(item, BaseException) for item in results] == [False, True, False]
    assert [item.accepted for item in await read_back(log, 2)] == [1, 3]
    await log.stop()


async def test_the_names_of_new_folders_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = owned.sync_directory
    monkeypatch.setattr(owned, "sync_directory", lambda path: (synced.append(path), real(path)))
    log = open_log(tmp_path / "data" / "log")
    await log.start()
    await log.stop()
    assert {tmp_path, tmp_path / "data", tmp_path / "data" / "log", tmp_path / "data" / "log" / "test"} <= set(synced)
