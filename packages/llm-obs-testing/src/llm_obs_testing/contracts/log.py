"""What every log has to pass."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Log, StoredRecord
from llm_obs_core.model import LogRecord, Position, RecordKind

__all__ = ["LogContract"]


NOW_NS: Final = time.time_ns()
"""A log knows resends for a time only, so that records are new."""


def record(number: int, *, tenant: str = "default") -> LogRecord:
    """A record that no other number has; it says that it holds two spans."""
    payload = b"payload %d" % number
    digest = hashlib.blake2b(payload, digest_size=16).digest()
    return LogRecord(RecordKind.SPANS, tenant, NOW_NS + number, digest, 2, 0, payload)


async def first(log: Log, count: int, after: Position | None = None) -> list[StoredRecord]:
    """The first records after a Position."""
    found: list[StoredRecord] = []
    async with aclosing(log.read("test", after)) as records:  # type: ignore[type-var]
        async for item in records:
            found.append(item)
            if len(found) == count:
                break
    return found


class LogContract:
    """Subclass it, write `make`, and run pytest."""

    def make(self, folder: Path) -> Log:
        """The log in this folder; called again for the same log, as after a restart."""
        raise NotImplementedError

    def during(self, folder: Path, work: Callable[[Log], Coroutine[Any, Any, None]]) -> None:
        """Runs `work` with a log that is started, and stops it."""

        async def whole() -> None:
            log = self.make(folder)
            await log.start()
            try:
                await asyncio.wait_for(work(log), 60)
            finally:
                await log.stop()

        asyncio.run(whole())

    def test_positions_ascend_and_records_come_back(self, tmp_path: Path) -> None:
        """In order, as they were, whoever was waiting."""

        async def work(log: Log) -> None:
            waiting = asyncio.create_task(first(log, 3))
            appended = [await log.append(record(number)) for number in range(3)]
            assert sorted({item.position for item in appended}) == [item.position for item in appended]
            found = await waiting
            assert [item.position for item in found] == [item.position for item in appended]
            assert [item.record for item in found] == [record(number) for number in range(3)]
            assert [item.record for item in await first(log, 1, appended[1].position)] == [record(2)]
            assert log.logged == log.backlog(None) == 6
            assert log.backlog(appended[0].position) == 4

        self.during(tmp_path, work)

    def test_a_resend_is_kept_once(self, tmp_path: Path) -> None:
        """By tenant and digest; another tenant's equal request is its own."""

        async def work(log: Log) -> None:
            one = await log.append(record(1))
            again = await log.append(record(1))
            other = await log.append(record(1, tenant="acme"))
            assert (one.duplicate, again.duplicate, other.duplicate) == (False, True, False)
            assert again.position == one.position
            assert log.logged == 4

        self.during(tmp_path, work)

    def test_a_restart_finds_everything(self, tmp_path: Path) -> None:
        """Records, resends, and where each reader was."""

        async def before(log: Log) -> None:
            log.register("store")
            held = [await log.append(record(number)) for number in range(4)]
            log.commit("store", held[1].position)

        async def after(log: Log) -> None:
            at = log.register("store")
            assert at is not None
            assert log.logged == 0
            assert log.backlog(at) == 4
            assert [item.record for item in await first(log, 2, at)] == [record(2), record(3)]
            assert (await log.append(record(3))).duplicate
            new = await log.append(record(4))
            assert new.position > at

        self.during(tmp_path, before)
        self.during(tmp_path, after)

    def test_nothing_is_trimmed_that_a_reader_needs(self, tmp_path: Path) -> None:
        """The slowest reader decides."""

        async def work(log: Log) -> None:
            log.register("quick")
            log.register("slow")
            held = [await log.append(record(number)) for number in range(4)]
            log.commit("quick", held[3].position)
            await log.trim()
            assert [item.record for item in await first(log, 4)] == [record(number) for number in range(4)]

        self.during(tmp_path, work)

    def test_new_records_stand_behind_what_a_store_holds(self, tmp_path: Path) -> None:
        """Also when the log's own files are gone."""

        async def work(log: Log) -> None:
            one = (await log.append(record(1))).position
            held = Position(one.writer, one.partition, one.sequence + 100)
            log.register("store", held)
            assert (await log.append(record(2))).position > held

        self.during(tmp_path, work)

    def test_stopping_is_always_possible(self, tmp_path: Path) -> None:
        """Before the start and twice; a stopped log refuses."""

        async def whole() -> None:
            log = self.make(tmp_path)
            await log.stop()
            await log.start()
            await log.stop()
            await log.stop()
            with pytest.raises(LlmObsError):
                await log.append(record(1))

        asyncio.run(whole())
