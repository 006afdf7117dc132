"""The lake passes the suites of its roles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from lakes import live, measures, notes
from llm_obs_core.interfaces import Reader, Scope, Sink, StoredSpan, TraceQuery
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.contracts.reader import ReaderContract
from llm_obs_testing.contracts.sink import SinkContract
from llm_obs_testing.contracts.stored import Content, Identity, Note
from llm_obs_testing.rows import Row


class TestLakeSink(SinkContract):
    def make(self, folder: Path) -> Sink:
        return LakeSink(LakeOptions(path=str(folder)))

    async def stored(self, folder: Path) -> Iterable[Identity]:
        return [(tenant, *ids, item.span.name) async for tenant, ids, item in _spans(folder)]

    async def stored_contents(self, folder: Path) -> Iterable[Content]:
        return [
            (tenant, *ids, said.slot, said.index, said.body or "")
            async for tenant, ids, item in _spans(folder)
            for said in item.content
        ]

    async def stored_measures(self, folder: Path) -> Iterable[tuple[str, Row]]:
        return measures(folder)

    async def stored_annotations(self, folder: Path) -> Iterable[Note]:
        return notes(folder)


async def _spans(folder: Path) -> AsyncIterator[tuple[str, tuple[bytes, bytes], StoredSpan]]:
    reader = LakeReader(LakeOptions(path=str(folder)))
    await reader.start()
    for tenant in {segment.tenant for segment in live(folder)}:
        scope = Scope((tenant,), content=True)
        for summary in (await reader.find_traces(scope, TraceQuery(), first=1000)).traces:
            trace = await reader.trace(scope, summary.trace_id)
            assert trace is not None
            for item in trace.spans:
                yield tenant, (item.span.trace_id, item.span.span_id), item
    await reader.stop()


class TestLakeReader(ReaderContract):
    @classmethod
    def pair(cls, folder: Path) -> tuple[Sink, Reader]:
        options = LakeOptions(path=str(folder))
        return LakeSink(options), LakeReader(options)
