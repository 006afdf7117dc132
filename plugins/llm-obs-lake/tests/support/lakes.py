"""Lakes to test with: filled, looked into, read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from llm_obs_core.interfaces import AggregateQuery, Scope, TraceQuery
from llm_obs_core.model import Span
from llm_obs_lake.annotations import read_annotations_of
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.decoded import HISTOGRAMS
from llm_obs_lake.engine import Engine
from llm_obs_lake.folder import Folder
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.schema import Kind
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Round, Upkeep
from llm_obs_lake.view import View
from llm_obs_testing.parts import make_parts, make_write

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
        await sink.write(make_write(make_parts(spans, sequence, received_ns=received_ns)))
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


def measures(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Tenant and row of all measures, a histogram as bucket index to count."""
    found = []
    for segment in live(folder, "measures"):
        for row in pq.read_table(folder / "segments" / segment.path).to_pylist():
            for name in HISTOGRAMS:
                row[name] = dict(zip(row.pop(f"{name}_index"), row.pop(f"{name}_count"), strict=True))
            found.append((segment.tenant, row))
    return found


def notes(folder: Path) -> list[tuple[str, bytes, bytes | None, str, str, int]]:
    """Every annotation that counts: tenant, trace id, span id, key, value, revision."""
    segments = live(folder, "annotations")
    by_kind: dict[tuple[str, Kind], list[Segment]] = {}
    ids: set[bytes] = set()
    for segment in segments:
        by_kind.setdefault((segment.tenant, segment.kind), []).append(segment)
        ids.update(pq.read_table(folder / "segments" / segment.path, columns=["trace_id"])["trace_id"].to_pylist())
    view = View(Folder(folder).blobs, by_kind, None, lambda tenant, hash: {})
    engine = Engine(folder / "segments", 2**28, 1)
    found = [
        (tenant, item.trace_id, item.span_id, item.key, item.value, item.revision)
        for tenant, _ in by_kind
        for items in read_annotations_of(engine, view, tenant, sorted(ids)).values()
        for item in items
    ]
    engine.close()
    return found


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
