"""The store in memory passes the suites that it is the oracle of, with transactions and without."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llm_obs_core.interfaces import Reader, Sink
from llm_obs_testing.contracts.reader import ReaderContract
from llm_obs_testing.contracts.sink import SinkContract
from llm_obs_testing.contracts.stored import Content, Identity, Note
from llm_obs_testing.memory import MemoryReader, MemorySink, MemoryStore, UpsertSink
from llm_obs_testing.rows import Row


class TestMemorySink(SinkContract):
    stores: dict[Path, MemoryStore] = {}  # noqa: RUF012 - by folder, one a test

    def make(self, folder: Path) -> Sink:
        return MemorySink(self.stores.setdefault(folder, MemoryStore()))

    async def stored(self, folder: Path) -> Iterable[Identity]:
        return [
            (tenant, trace_id, span_id, item.span.name)
            for (tenant, trace_id), spans in self.stores[folder].traces.items()
            for span_id, item in spans.items()
        ]

    async def stored_contents(self, folder: Path) -> Iterable[Content]:
        return [
            (tenant, trace_id, span_id, message.slot, message.index, message.body or "")
            for (tenant, trace_id), spans in self.stores[folder].traces.items()
            for span_id, item in spans.items()
            for message in item.content
        ]

    async def stored_measures(self, folder: Path) -> Iterable[tuple[str, Row]]:
        return self.stores[folder].measures

    async def stored_annotations(self, folder: Path) -> Iterable[Note]:
        return [
            (tenant, trace_id, span_id, key, said.value, said.revision)
            for (tenant, trace_id, span_id, key), said in self.stores[folder].annotations.items()
        ]

    async def stored_calls(self, folder: Path) -> Iterable[tuple[str, Row]]:
        return [(tenant, row) for (tenant, _, _), row in self.stores[folder].calls.items()]

    async def stored_columns(self, folder: Path) -> Iterable[tuple[str, Row]]:
        return [
            (tenant, item.row) for (tenant, _), spans in self.stores[folder].traces.items() for item in spans.values()
        ]


class TestUpsertSink(TestMemorySink):
    transactional = False

    def make(self, folder: Path) -> Sink:
        return UpsertSink(self.stores.setdefault(folder, MemoryStore()))


class TestMemoryReader(ReaderContract):
    @classmethod
    def pair(cls, folder: Path) -> tuple[Sink, Reader]:
        store = MemoryStore()
        return MemorySink(store), MemoryReader(store)
