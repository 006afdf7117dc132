"""Logs of other versions: those of format 1 are read and continued, newer ones refused and left as they are."""

from __future__ import annotations

import struct
from pathlib import Path

import msgspec
import pytest
from llm_obs_core.errors import StoreError
from llm_obs_core.model import LogRecord, RecordKind, Stream
from llm_obs_core_ext.checksum import crc32c
from llm_obs_core_ext.frames import Frames
from logging_records import append, at, batches, feed, open_log, read_back, record, segments

GOLDEN = Path(__file__).parent / "golden" / "log-record-v1.bin"


def version_1(item: LogRecord, sequence: int, *, kind: int = 1) -> bytes:
    """The record as format 1 holds it: the golden one's fields, without group and extra."""
    frames = Frames()
    frames.add(item, sequence, 0, item.payload)
    data = frames.tobytes()
    (head_bytes,) = struct.unpack_from("<H", data, 4)
    tenant = item.tenant.encode()
    fixed = 81
    size = (fixed + len(tenant) + 4 + 7) // 8 * 8
    head = bytearray(data[:fixed] + tenant).ljust(size - 4, b"\0")
    struct.pack_into("<HBB", head, 4, size, 1, kind)
    body = data[head_bytes:-4]
    crc = struct.pack("<I", crc32c(bytes(head)))
    return bytes(head) + crc + body + struct.pack("<I", crc32c(crc + body))


def test_format_1_is_written_as_it_was() -> None:
    records = [record(number, received_ns=1_700_000_000_000_000_000 + number) for number in (1, 2)]
    assert b"".join(version_1(item, number) for number, item in enumerate(records, 1)) == GOLDEN.read_bytes()


async def test_a_log_of_format_1_is_read_and_continued(tmp_path: Path) -> None:
    folder = tmp_path / "test" / "0"
    (folder / "cursors").mkdir(parents=True)
    written = [record(number) for number in range(5, 9)]
    target = b"lake"
    payload = bytes([len(target)]) + target + b"spans"
    resent = record(9, payload=payload)
    (folder / f"{5:020d}.seg").write_bytes(b"".join(version_1(item, 5 + i) for i, item in enumerate(written)))
    (folder / f"{9:020d}.seg").write_bytes(version_1(resent, 9, kind=9))
    seen = b"LOS1" + b"".join(
        struct.pack("<QQ16sB", number, record(0).received_ns, record(number).digest, 7) + b"default"
        for number in range(1, 5)
    )
    (folder / f"{1:020d}.seen").write_bytes(seen + struct.pack("<I", crc32c(seen)))
    slots = [b"LOC1" + struct.pack("<Q", sequence) for sequence in (6, 7)]
    pages = [(slot + struct.pack("<I", crc32c(slot))).ljust(4096, b"\0") for slot in slots]
    (folder / "cursors" / "lake.cursor").write_bytes(b"".join(pages))

    log = open_log(tmp_path)
    await log.start()
    assert log.stats.corrupt_records == 0
    found = await read_back(log, 5)
    assert found[:4] == written
    assert (found[4].kind, found[4].target, found[4].payload) == (RecordKind.SPANS, "lake", b"spans")
    assert await feed(log, "lake").committed() == at(7)
    assert await feed(log, "lake").lag(at(7)) == 8 + 9
    for number in range(1, 10):
        known = await append(log, record(number))
        assert (known.duplicate, known.position) == (True, at(number))
    assert (await append(log, record(10))).position == at(10)
    (other,) = await log.accepted.append([msgspec.structs.replace(record(10), slice=1, accepted=0)])
    assert not other.duplicate
    await append(log, record(12))
    await log.stop()
    log = open_log(tmp_path)
    await log.start()
    await feed(log, "lake").commit(at(9))
    assert await log.trim() > 0
    assert [item.accepted for item in await read_back(log, 3)] == [10, 0, 12]
    for number in range(1, 10):
        assert (await append(log, record(number))).duplicate
    await log.stop()


def newer(data: bytes) -> bytes:
    head = bytearray(data)
    head[6] = 3
    (size,) = struct.unpack_from("<H", head, 4)
    struct.pack_into("<I", head, size - 4, crc32c(bytes(head[: size - 4])))
    return bytes(head)


@pytest.mark.parametrize("stream", list(Stream))
@pytest.mark.parametrize("which", [0, -1])
async def test_a_log_of_a_newer_version_is_refused_and_stays_as_it_is(
    tmp_path: Path, stream: Stream, which: int
) -> None:
    await batches(tmp_path, 12, size=1, segment_bytes=400)
    log = open_log(tmp_path, segment_bytes=400)
    await log.start()
    for number in range(2, 14):
        await append(log, record(number))
    await log.stop()
    segment = segments(tmp_path, stream)[which]
    segment.write_bytes(newer(segment.read_bytes()))
    torn = segments(tmp_path, Stream.ACCEPTED)[-1]
    before = {path: path.read_bytes() for path in (tmp_path / "test").rglob("*.seg")}
    assert torn in before
    for _ in range(2):
        with pytest.raises(StoreError, match=r"format 3.*start the version"):
            await open_log(tmp_path).start()
    assert {path: path.read_bytes() for path in (tmp_path / "test").rglob("*.seg")} == before


async def test_a_record_kind_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "test" / "0"
    folder.mkdir(parents=True)
    (folder / f"{1:020d}.seg").write_bytes(version_1(record(1), 1, kind=200))
    log = open_log(tmp_path)
    await log.start()
    for reading in (feed(log).peek(None), feed(log).newest(), anext(feed(log).read(None))):
        with pytest.raises(StoreError, match=r"kind 200.*start the version"):
            await reading
    await log.stop()
    assert len(segments(tmp_path)) == 1
