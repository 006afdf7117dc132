"""A later version, in a process of its own: columns are added to the model before the lake is imported.

python newer.py <a lake with segments of today>
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import llm_obs_core_ext.batch
import llm_obs_core_ext.columns
import llm_obs_core_ext.measures
import llm_obs_core_ext.scan  # noqa: F401 - compiled for the columns of today
import msgspec
from llm_obs_core import model
from llm_obs_core.interfaces import AggregateQuery, Arrow, Rows, Scope, SinkPart, TraceQuery
from llm_obs_core.model import Column
from llm_obs_testing.arrow import encode
from llm_obs_testing.parts import Annotation, make_annotations, make_parts, make_write
from llm_obs_testing.spans import make_traces

_NEW = {
    "SPAN_COLUMNS": [Column("colour", "string", True, "shop.colour", ""), Column("big", "bool", True, "shop.big", "")],
    "MEASURE_KEYS": [Column("region", "string", True, "shop.region", ""), Column("lane", "int32", True, "x", "")],
    "MEASURE_VALUES": [Column("retries", "int64", False, "count", "")],
    "ANNOTATION_COLUMNS": [Column("author", "string", True, "author", ""), Column("at", "int64", False, "at", "")],
}


class Added:
    """Rows with columns of the later version."""

    def __init__(self, rows: Any, columns: Mapping[str, Arrow]) -> None:
        self._rows = rows
        self._columns = columns

    def __len__(self) -> int:
        return len(self._rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def columns(self) -> Mapping[str, Arrow]:
        return {**self._rows.columns(), **self._columns}


def added(part: SinkPart) -> SinkPart:
    size = len(part.rows)
    values: dict[str, tuple[str, Any]] = {
        "spans": {"colour": ("string", "red"), "big": ("bool", True)},
        "measures": {
            "region": ("string", "eu"),
            "lane": ("int32", 5),
            "retries": ("int64", 2),
        },
        "annotations": {"author": ("string", "ann"), "at": ("int64", 7)},
    }[part.kind]
    columns = {name: encode(type, [value] * size) for name, (type, value) in values.items()}
    return msgspec.structs.replace(part, rows=cast("Rows", Added(part.rows, cast("Mapping[str, Arrow]", columns))))


def main(folder: Path) -> None:
    for name, columns in _NEW.items():
        setattr(model, name, (*getattr(model, name), *columns))
    from llm_obs_lake.versions import VERSION

    assert max(int(path.stem) for path in _versions().iterdir()) + 1 == VERSION
    asyncio.run(_use(folder, VERSION))


def _versions() -> Path:
    import llm_obs_lake

    return Path(llm_obs_lake.__file__).parent / "versions"


async def _use(folder: Path, version: int) -> None:
    from lakes import DAY_NS, live, look_after, options
    from llm_obs_lake.reader import LakeReader
    from llm_obs_lake.sink import LakeSink

    before = {segment.schema for segment in live(folder)}
    sink, reader = LakeSink(options(folder)), LakeReader(options(folder))
    held = await sink.start()
    assert held is not None
    spans = make_traces(3, first=900)
    said = make_annotations([Annotation.of(spans[0], "score", 3)], held.sequence + 1)
    parts = [*make_parts(spans, held.sequence + 1, received_ns=DAY_NS), said]
    await sink.write(make_write([added(part) for part in parts]))
    await sink.stop()
    await reader.start()
    await _check(reader, {span.trace_id for span in spans})
    assert {segment.schema for segment in live(folder)} == before | {version}
    assert look_after(folder, now_ns=9 * DAY_NS).merged > 1
    await _check(reader, {span.trace_id for span in spans})
    assert {segment.schema for segment in live(folder)} == {version}
    await reader.stop()


async def _check(reader: Any, new: set[bytes]) -> None:
    scope = Scope(("default",), content=True)
    page = await reader.find_traces(scope, TraceQuery(), first=10_000)
    assert page.coverage.damaged == ()
    assert len(page.traces) > len(new) > 0
    for item in page.traces:
        trace = await reader.trace(scope, item.trace_id)
        outline = await reader.outline(scope, item.trace_id, ["colour", "name", "big"])
        expected = ("red", True) if item.trace_id in new else (None, None)
        assert {(span.columns["colour"], span.columns["big"]) for span in trace.spans} == {expected}
        assert set(outline.columns["colour"]) == {expected[0]}
    rows = (await reader.aggregate(scope, AggregateQuery(group_by=("region", "lane")))).rows
    sums = {row.keys: row for row in rows}
    assert set(sums) == {(None, None), ("eu", 5)}
    assert sums[None, None].values["retries"] == 0
    assert sums[None, None].values["requests"] > 0
    measured = sums["eu", 5].values["retries"] // 2
    assert measured > 0
    wanted = await reader.values(scope, "region")
    assert [(item.value, item.requests) for item in wanted] == [("eu", sums["eu", 5].values["requests"])]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
