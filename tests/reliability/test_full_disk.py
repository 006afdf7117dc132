"""A disk that is full to the last byte, for real: what is acknowledged stays, what is stored gives its room back."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_obs_collector.log import FileLog
from llm_obs_core.config import LogSettings
from llm_obs_core.errors import RetryableError
from llm_obs_core.model import LogRecord, RecordKind, Stream

DISK_BYTES = 4 * 1024 * 1024


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; skipped where mounting is not permitted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    else:
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("mkfs.ext4 is not there")
        image = tmp_path / "image"
        image.write_bytes(b"")
        os.truncate(image, DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        command = ["mount", "-o", "loop", str(image), str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def record(number: int) -> LogRecord:
    digest = hashlib.blake2b(b"%d" % number, digest_size=16).digest()
    return LogRecord(RecordKind.SPANS, "default", time.time_ns(), digest, 1, 0, os.urandom(9_000))


def fill(folder: Path) -> None:
    """Takes the last byte."""
    with (folder / "ballast").open("ab", buffering=0) as file:
        size = 1 << 16
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    assert os.statvfs(folder).f_bavail == 0


async def test_a_log_without_a_free_byte_is_emptied_behind_its_readers(small_disk: Path) -> None:
    def opened() -> FileLog:
        return FileLog(small_disk / "log", "test", LogSettings(segment_bytes=256 * 1024))

    log = opened()
    await log.start()
    sink = log.feed(Stream.ACCEPTED, "sink")
    number = 1
    (last,) = await log.accepted.append([record(0)])
    while True:
        try:
            (last,) = await log.accepted.append([record(number)])
        except RetryableError as error:
            assert "room and a sound disk" in str(error)  # noqa: PT017 - of many appends one fails
            break
        number += 1
    fill(small_disk)
    assert "free" in await log.trouble()
    await sink.commit(last.position)
    assert await log.trim() > 0
    (appended,) = await log.accepted.append([record(number)])
    assert appended.position.sequence == number + 1
    await log.stop()

    log = opened()
    await log.start()
    sink = log.feed(Stream.ACCEPTED, "sink")
    assert await sink.committed() == last.position
    assert await sink.lag(last.position) == 1
    for again in range(number + 1):  # the digests of what was trimmed were kept too
        (known,) = await log.accepted.append([record(again)])
        assert known.duplicate
    await log.stop()
