"""The log in memory passes the suite of its role."""

from __future__ import annotations

from pathlib import Path

import pytest
from llm_obs_core.config import Server
from llm_obs_core.errors import RetryableError, StoreError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Log
from llm_obs_core.model import Stream
from llm_obs_testing.config import MemoryLogOptions
from llm_obs_testing.contracts.log import LogContract
from llm_obs_testing.log import MemoryLog, make
from llm_obs_testing.records import append, record


class TestMemoryLog(LogContract):
    def make(self, folder: Path) -> Log:
        kept: dict[Path, MemoryLog] = self.__dict__.setdefault("kept", {})
        return kept.setdefault(folder, MemoryLog())

    def full(self, folder: Path) -> Log:
        return MemoryLog(max_bytes=1 << 20)


async def test_options_set_its_writer_and_its_quota() -> None:
    log = make(MemoryLogOptions(max_items=4), Hosts(Server(writer="here"))("log", "memory"))
    await log.start()
    (position, _) = await append(log, record(1), record(2))
    assert position.writer == "here"
    with pytest.raises(RetryableError, match="room in the log in memory"):
        await append(log, record(3))
    assert log.stats.appended_items == 4
    assert log.stats.size_bytes == 2 * len(record(1).payload)


async def test_it_has_one_partition() -> None:
    log = MemoryLog()
    await log.start()
    with pytest.raises(StoreError, match=r"all of partition 0, got 1 of partitions \[2\]"):
        await log.writer(Stream.ACCEPTED).append([record(1, partition=2)])
