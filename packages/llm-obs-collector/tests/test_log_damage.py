"""Damage: only what is torn or corrupt is lost, it is counted, and the log always opens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog
from llm_obs_core.errors import StoreError
from llm_obs_core.model import LogRecord
from llm_obs_core_ext.segment import Damage, read_header, scan
from logging_records import append, feed, framed, newest, open_log, read_back, record, segments

GOLDEN = Path(__file__).parent / "golden"


def fixed(number: int) -> LogRecord:
    return record(number, received_ns=1_700_000_000_000_000_000 + number)


def packed(*numbers: int) -> bytes:
    return b"".join(framed(fixed(number), number) for number in numbers)


async def opened(root: Path, data: bytes) -> tuple[list[int], int, int]:
    """What a log finds in one segment: numbers, corrupt records, bytes cut off; then it must accept on."""
    folder = root / "test" / "0"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.seg"):
        old.unlink()
    (folder / f"{1:020d}.seg").write_bytes(data)
    log = open_log(root)
    await log.start()
    cut = len(data) - sum(path.stat().st_size for path in segments(root))
    await append(log, record(99))
    found: list[int] = []
    async for item in feed(log).read(None):
        found.append(item.record.accepted)
        if item.record.accepted == 99:
            break
    await log.stop()
    return found[:-1], log.stats.corrupt_records, cut


@pytest.mark.parametrize("version", [1, 2])
async def test_every_format_is_read(tmp_path: Path, version: int) -> None:
    data = (GOLDEN / f"log-record-v{version}.bin").read_bytes()
    assert await opened(tmp_path, data) == ([1, 2], 0, 0)
    log = open_log(tmp_path)
    await log.start()
    assert await read_back(log, 2) == [fixed(1), fixed(2)]
    await log.stop()


def test_the_newest_format_is_what_it_was() -> None:
    assert packed(1, 2) == (GOLDEN / "log-record-v2.bin").read_bytes()


def test_a_newer_format_is_refused_and_kept() -> None:
    from llm_obs_core_ext.checksum import crc32c

    data = bytearray(packed(1))
    data[6] = 3
    end = int.from_bytes(data[4:6], "little")
    data[end - 4 : end] = crc32c(bytes(data[: end - 4])).to_bytes(4, "little")
    with pytest.raises(StoreError, match="format 3"):
        read_header(bytes(data), 0)


async def test_a_tail_torn_at_any_byte(tmp_path: Path) -> None:
    whole = packed(1, 2, 3)
    third = len(packed(1, 2))
    for cut in range(third, len(whole), 3):
        assert await opened(tmp_path, whole[:cut]) == ([1, 2], 0, cut - third)


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"garbage", b"LOR1", os.urandom(300)])
async def test_a_tail_of_garbage(tmp_path: Path, tail: bytes) -> None:
    assert await opened(tmp_path, packed(1, 2) + tail) == ([1, 2], 0, len(tail))


def test_any_flipped_bit_spoils_exactly_its_record() -> None:
    whole = packed(1, 2, 3)
    first, second = len(packed(1)), len(packed(1, 2))
    for bit in range(first * 8, second * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        try:
            found = list(scan(bytes(data)))
        except StoreError:
            pytest.fail("a flipped bit passed for another format")
        assert [item.sequence for item in found if not isinstance(item, Damage)] == [1, 3]
        assert [item for item in found if isinstance(item, Damage)] == [Damage(first, second, False)]


async def test_a_corrupt_record_in_the_middle_is_passed_counted_and_kept(tmp_path: Path) -> None:
    data = bytearray(packed(1, 2, 3, 4))
    data[len(packed(1)) + 100] ^= 255
    numbers, corrupt, torn = await opened(tmp_path, bytes(data))
    assert (numbers, torn) == ([1, 3, 4], 0)
    assert corrupt >= 1
    assert len(list((tmp_path / "test/0/quarantine").iterdir())) == 1


async def test_corruption_after_the_start_is_passed_by_readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_obs_collector.log.stream.TAIL_BYTES", 0)  # all of it is read from the disk
    log = open_log(tmp_path)
    await log.start()
    for number in range(1, 6):
        await append(log, record(number))
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"payload 3")
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"PAYLOAD")
    assert [item.accepted for item in await read_back(log, 4)] == [1, 2, 4, 5]
    assert log.stats.corrupt_records == 1
    await log.stop()


@pytest.mark.parametrize("way", ["zeros", "empty", "missing", "half"])
async def test_what_a_lost_segment_held_is_said_to_be_missing(tmp_path: Path, way: str) -> None:
    log = open_log(tmp_path, segment_bytes=300)
    await log.start()
    for number in range(1, 13):
        await append(log, record(number))
    await log.stop()
    path = segments(tmp_path)[2]
    size = path.stat().st_size
    if way == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {"zeros": bytes(size), "empty": b"", "half": path.read_bytes()[: size // 2] + bytes(size // 2)}[way]
        )
    with structlog.testing.capture_logs() as said:
        log = open_log(tmp_path)
        await log.start()
    assert [line["event"] for line in said] == [
        "damaged places in the log" if way in ("zeros", "half") else "records are not in the log"
    ]
    assert (log.stats.corrupt_records > 0) == (way in ("zeros", "half"))
    assert len(list((tmp_path / "test/0/quarantine").glob("*"))) == log.stats.corrupt_records
    assert await newest(log) == 12
    await log.stop()
