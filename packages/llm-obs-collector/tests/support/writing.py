"""A way into a log that keeps what is appended, for tests that look at nothing behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from llm_obs_core.interfaces import Appended
from llm_obs_core.model import LogRecord, Position
from msgspec import UNSET, UnsetType


class KeepingWriter:
    """A `LogWriter` in memory. Waits for `gate`, and raises `failure` instead of appending."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.appends: list[int] = []
        self.gate: asyncio.Event | None = None
        self.failure: BaseException | None = None
        self._known: dict[tuple[str, bytes, int], Position] = {}

    async def append(
        self, records: Sequence[LogRecord], *, expect: Position | UnsetType | None = UNSET
    ) -> Sequence[Appended]:
        assert records
        assert len({record.partition for record in records}) == 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.appends.append(len(records))
        return [self._keep(record) for record in records]

    def _keep(self, record: LogRecord) -> Appended:
        key = (record.tenant, record.digest, record.slice)
        if (known := self._known.get(key)) is not None:
            return Appended(known, duplicate=True)
        self.records.append(record)
        position = self._known[key] = Position("test", record.partition, len(self.records))
        return Appended(position)
