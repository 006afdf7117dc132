"""The lake passes the suites of its roles."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from llm_obs_core.interfaces import Reader, Scope, Sink, TraceQuery
from llm_obs_lake.catalog import Catalog
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.contracts.reader import ReaderContract
from llm_obs_testing.contracts.sink import SinkContract


class TestLakeSink(SinkContract):
    def make(self, folder: Path) -> Sink:
        return LakeSink(LakeOptions(path=str(folder)))

    async def stored(self, folder: Path) -> Iterable[tuple[str, bytes, bytes, str]]:
        catalog = Catalog(folder / "catalog.sqlite", write=False)
        tenants = {segment.tenant for segment in catalog.snapshot().segments}
        catalog.close()
        reader = LakeReader(LakeOptions(path=str(folder)))
        await reader.start()
        found = []
        for tenant in tenants:
            scope = Scope((tenant,))
            for summary in (await reader.find_traces(scope, TraceQuery(), first=1000)).traces:
                trace = await reader.trace(scope, summary.trace_id)
                assert trace is not None
                found += [(tenant, item.span.trace_id, item.span.span_id, item.span.name) for item in trace.spans]
        await reader.stop()
        return found


class TestLakeReader(ReaderContract):
    @classmethod
    def pair(cls, folder: Path) -> tuple[Sink, Reader]:
        options = LakeOptions(path=str(folder))
        return LakeSink(options), LakeReader(options)
