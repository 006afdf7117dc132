"""The store in memory passes the suites that it is the oracle of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llm_obs_core.interfaces import Reader, Sink
from llm_obs_testing.contracts.reader import ReaderContract
from llm_obs_testing.contracts.sink import SinkContract
from llm_obs_testing.memory import MemoryReader, MemorySink, MemoryStore


class TestMemorySink(SinkContract):
    stores: dict[Path, MemoryStore] = {}  # noqa: RUF012 - by folder, one a test

    def make(self, folder: Path) -> Sink:
        return MemorySink(self.stores.setdefault(folder, MemoryStore()))

    async def stored(self, folder: Path) -> Iterable[tuple[str, bytes, bytes, str]]:
        return [
            (tenant, trace_id, span_id, item.span.name)
            for (tenant, trace_id), spans in self.stores[folder].traces.items()
            for span_id, item in spans.items()
        ]


class TestMemoryReader(ReaderContract):
    @classmethod
    def pair(cls, folder: Path) -> tuple[Sink, Reader]:
        store = MemoryStore()
        return MemorySink(store), MemoryReader(store)
