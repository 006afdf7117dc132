"""SIGKILL at any moment: what was acknowledged is there, once; the log opens and goes on."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from llm_obs_collector.log import FileLog
from llm_obs_core.config import LogSettings
from llm_obs_core.model import LogRecord, RecordKind, Stream

ROUNDS = 20


def record(run: int, number: int) -> LogRecord:
    name = b"%d/%d" % (run, number)
    digest = hashlib.blake2b(name, digest_size=16).digest()
    return LogRecord(
        RecordKind.SPANS, "t", time.time_ns(), digest, 1, 0, name + b" " + bytes(1 + number * 997 % 20_000)
    )


async def send(root: str, run: int) -> None:
    """The child: appends from many tasks and writes a number to the pipe only once it is acknowledged."""
    log = FileLog(root, "test", LogSettings(segment_bytes=2_000_000))
    await log.start()

    async def sender(first: int) -> None:
        number = first
        while True:
            await log.accepted.append([record(run, number)])
            os.write(1, b"%d\n" % number)
            number += 16

    await asyncio.gather(*(sender(first) for first in range(16)))


def kill_while_sending(root: Path, run: int, delay_s: float) -> set[int]:
    with subprocess.Popen([sys.executable, __file__, str(root), str(run)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        acknowledged = bytearray(child.stdout.readline())
        killer = threading.Timer(delay_s, child.send_signal, [signal.SIGKILL])
        killer.start()
        acknowledged += child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    killer.join()
    whole = acknowledged[: acknowledged.rfind(b"\n") + 1]
    return {int(line) for line in whole.split()}


async def stored(root: Path) -> list[tuple[int, int]]:
    log = FileLog(root, "test", LogSettings())
    await log.start()
    feed = log.feed(Stream.ACCEPTED, "check")
    found: list[tuple[int, int]] = []
    if (newest := await feed.newest()) is not None:
        async for item in feed.read(None):
            run, _, number = item.record.payload.split(b" ")[0].partition(b"/")
            found.append((int(run), int(number)))
            if item.position == newest.position:
                break
    assert log.stats.corrupt_records == 0
    await log.stop()
    return found


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    dice = random.Random(7)
    acknowledged: set[tuple[int, int]] = set()
    for run in range(ROUNDS):
        acknowledged |= {(run, number) for number in kill_while_sending(tmp_path, run, dice.uniform(0.0, 0.15))}
    found = asyncio.run(stored(tmp_path))
    assert len(acknowledged) > ROUNDS
    assert acknowledged - set(found) == set()
    assert len(found) == len(set(found))


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], int(sys.argv[2])))
