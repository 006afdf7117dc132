"""Lakes to test with: filled, looked into, read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llm_obs_core.interfaces import AggregateQuery, Scope, TraceQuery
from llm_obs_core.model import Span
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.folder import Folder
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Round, Upkeep
from llm_obs_testing.parts import make_part, position

SCOPE = Scope(("default",), content=True)
DAY_NS = 86_400_000_000_000


def options(folder: Path, **changes: Any) -> LakeOptions:
    """Without upkeep in the background."""
    return LakeOptions(path=str(folder), merge_interval_s=3600, **changes)


async def fill(folder: Path, writes: Sequence[Sequence[Span]], received_ns: int = DAY_NS) -> None:
    """Each as one write."""
    sink = LakeSink(options(folder))
    held = await sink.start()
    for sequence, spans in enumerate(writes, held.sequence + 1 if held else 1):
        part = make_part(spans, sequence, received_ns=received_ns)
        await sink.write([part], position(sequence), position(sequence))
    await sink.stop()


def look_after(folder: Path, now_ns: int = DAY_NS, **changes: Any) -> Round:
    """One round of upkeep."""
    upkeep = Upkeep(Folder(folder), options(folder, **changes), now_ns=lambda: now_ns)
    try:
        return upkeep.round()
    finally:
        upkeep.close()


def live(folder: Path, kind: str = "") -> list[Segment]:
    """What the catalog has."""
    catalog = Catalog(folder / "catalog.sqlite", write=False)
    try:
        return [segment for segment in catalog.snapshot().segments if kind in ("", segment.kind)]
    finally:
        catalog.close()


def files(folder: Path) -> set[str]:
    """What is on the disk."""
    root = folder / "segments"
    return {path.relative_to(root).as_posix() for path in root.glob("*/*")}


def paths(folder: Path, kind: str) -> list[Path]:
    """The live files of a kind."""
    return [folder / "segments" / segment.path for segment in live(folder, kind)]


async def answers(folder: Path) -> list[Any]:
    """Every trace, the list, and sums."""
    reader = LakeReader(options(folder))
    await reader.start()
    try:
        page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
        traces = [await reader.trace(SCOPE, item.trace_id) for item in page.traces]
        assert all(trace is not None for trace in traces)
        sums = await reader.aggregate(SCOPE, AggregateQuery(group_by=("model", "user_id", "minute_ns")))
        rows = sorted(sums.rows, key=lambda row: repr(row.keys))
        return [page.traces, [(trace.summary, trace.spans) for trace in traces if trace is not None], rows]
    finally:
        await reader.stop()


def cut(spans: Sequence[Span], pieces: int) -> list[Sequence[Span]]:
    """In so many writes, traces cut over them."""
    edges = [len(spans) * place // pieces for place in range(pieces + 1)]
    return [spans[start:end] for start, end in itertools.pairwise(edges)]
