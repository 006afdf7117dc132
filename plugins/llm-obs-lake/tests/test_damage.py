"""Files that were damaged, cut, lost: named, left out, counted in the coverage, and back when they are brought back."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from lakes import SCOPE, cut, files, fill, live, look_after, options, paths
from llm_obs_core.errors import LlmObsError, StoreError
from llm_obs_core.filter import parse
from llm_obs_core.interfaces import AggregateQuery, Scope, SessionQuery, SpanQuery, TraceQuery
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.spans import make_traces

SPANS = make_traces(24)
WRITES = 6


def flipped(data: bytes) -> bytes:
    return bytes(
        byte ^ 0x55 if 30 < place < len(data) // 2 and place % 13 == 0 else byte for place, byte in enumerate(data)
    )


WAYS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "footer": lambda path: path.write_bytes(path.read_bytes()[:-40] + b"\xff" * 40),
    "flipped": lambda path: path.write_bytes(flipped(path.read_bytes())),
    "folder": lambda path: (path.unlink(), path.mkdir()),
}


async def asked(folder: Path) -> tuple[LakeReader, Any, Any]:
    reader = LakeReader(options(folder))
    await reader.start()
    page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
    return reader, page, await reader.aggregate(SCOPE, AggregateQuery())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["summaries", "measures"])
async def test_a_damaged_file_is_named_and_the_others_are_read(tmp_path: Path, kind: str, way: str) -> None:
    await fill(tmp_path, cut(SPANS, WRITES))
    reader, whole, sums = await asked(tmp_path)
    await reader.stop()
    path = paths(tmp_path, kind)[2]
    kept = path.read_bytes()
    WAYS[way](path)
    with structlog.testing.capture_logs() as said:
        reader, page, less = await asked(tmp_path)
        answer = page if kind == "summaries" else less
        assert answer.coverage.damaged == (f"default/{path.name}",)
        again = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
    assert again.traces == page.traces
    if kind == "summaries":
        assert 0 < len(page.traces) < len(whole.traces)
    else:
        assert 0 < less.rows[0].values["requests"] < sums.rows[0].values["requests"]
    assert [(line["event"], line["file"]) for line in said] == [("a file of the lake cannot be read", str(path))]
    assert "bring it back" in said[0]["fix"]
    other = await reader.find_traces(Scope(("other",)), TraceQuery(), first=10)
    assert other.coverage.damaged == ()
    if path.is_dir():
        path.rmdir()
    path.write_bytes(kept)
    again = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
    assert (again.traces, again.coverage.damaged) == (whole.traces, ())
    assert (await reader.aggregate(SCOPE, AggregateQuery())).rows == sums.rows
    await reader.stop()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("spans", ""),
        ("spans", "service exists and not user_id = nobody"),
        ("spans", "attributes.gen_ai.operation.name exists"),
        ("content", "content ~ '[a-z]'"),
        ("summaries", "trace.span_count > 0"),
    ],
)
async def test_lists_with_filters_name_a_damaged_file_and_read_the_others(
    tmp_path: Path, kind: str, written: str, way: str
) -> None:
    if (kind, way) == ("content", "flipped"):
        pytest.skip("it can be decoded")
    await fill(tmp_path, cut(SPANS, WRITES))
    where = parse(written)

    async def lists(folder: Path) -> list[Any]:
        reader = LakeReader(options(folder))
        await reader.start()
        found = [
            await reader.find_spans(SCOPE, SpanQuery(where), first=1000, whole=True),
            await reader.find_traces(SCOPE, TraceQuery(where), first=1000),
            await reader.find_sessions(SCOPE, SessionQuery(where), first=1000),
        ]
        await reader.stop()
        return found

    whole = await lists(tmp_path)
    path = paths(tmp_path, kind)[2]
    WAYS[way](path)
    with structlog.testing.capture_logs() as said:
        less = await lists(tmp_path)
    assert [line["file"] for line in said] == [str(path)]
    name = f"default/{path.name}"
    assert less[0].coverage.damaged == (name,)
    assert 0 < len(less[0].spans) < len(whole[0].spans)
    assert len(less[1].traces) <= len(whole[1].traces)
    assert len(less[2].sessions) <= len(whole[2].sessions)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "flipped"])
async def test_a_trace_in_a_damaged_file_is_not_said_to_be_none(tmp_path: Path, way: str) -> None:
    await fill(tmp_path, [[span] for span in make_traces(1)] + [make_traces(3, first=50)])
    (lost, *_), *_ = [make_traces(1)]
    for path in paths(tmp_path, "spans")[:-1]:
        WAYS[way](path)
    reader, page, _ = await asked(tmp_path)
    assert len(page.traces) == 4
    with pytest.raises(StoreError, match=r"it may be in default/spans-.*bring it back"):
        await reader.trace(SCOPE, lost.trace_id)
    whole = await reader.trace(SCOPE, make_traces(3, first=50)[0].trace_id)
    assert whole is not None
    assert len(whole.coverage.damaged) == len(paths(tmp_path, "spans")) - 1
    await reader.stop()


async def test_any_damage_is_an_answer_or_a_clear_error(tmp_path: Path) -> None:
    """Whatever bytes are there: no crash, no error without the file's name, and the reader goes on."""
    await fill(tmp_path, cut(SPANS, 2))
    dice = random.Random(12)
    reader = LakeReader(options(tmp_path))
    await reader.start()

    def write(path: Path, data: bytes) -> None:
        path.write_bytes(data)
        os.utime(path, ns=(0, next(times)))  # DuckDB keeps what it knows of a file for as long as its time is the same

    times = itertools.count(1_700_000_000_000_000_000, 60_000_000_000)
    for _ in range(60):
        path = dice.choice(paths(tmp_path, dice.choice(["spans", "content", "summaries", "measures"])))
        kept = path.read_bytes()
        data = bytearray(kept)
        for _ in range(dice.choice([1, 3, 40])):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        write(path, bytes(data))
        try:
            page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
            await reader.aggregate(SCOPE, AggregateQuery(group_by=("model",)))
            for summary in page.traces[:3]:
                await reader.trace(SCOPE, summary.trace_id)
        except LlmObsError as error:
            assert path.name in str(error)  # noqa: PT017 - it need not be raised
        write(path, kept)
    page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
    assert page.coverage.damaged == ()
    await reader.stop()


@pytest.mark.parametrize("kind", ["spans", "content", "summaries", "measures"])
@pytest.mark.parametrize("way", ["missing", "cut", "flipped"])
async def test_a_damaged_segment_is_not_merged_and_holds_nothing_up(tmp_path: Path, kind: str, way: str) -> None:
    await fill(tmp_path, cut(SPANS, WRITES))
    path = paths(tmp_path, kind)[2]
    kept = path.read_bytes()
    WAYS[way](path)
    with structlog.testing.capture_logs() as said:
        done = look_after(tmp_path, merge_segments=2)
    assert done.merged > 0
    assert [line["file"] for line in said] == [str(path)]
    assert path in paths(tmp_path, kind)
    path.write_bytes(kept)
    reader, page, _ = await asked(tmp_path)
    assert len(page.traces) == 24
    assert page.coverage.damaged == ()
    await reader.stop()
    assert len(live(tmp_path, "spans")) < WRITES


@pytest.mark.parametrize("way", ["missing", "empty"])
async def test_files_without_their_catalog_are_not_taken_for_leftovers(tmp_path: Path, way: str) -> None:
    await fill(tmp_path, cut(SPANS, 2))
    catalog = tmp_path / "catalog.sqlite"
    kept = catalog.read_bytes()
    before = files(tmp_path)
    WAYS[way](catalog)
    sink = LakeSink(options(tmp_path))
    with pytest.raises(StoreError, match=rf"and {len(before)} files.*catalog.sqlite.*bring it back"):
        await sink.start()
    await sink.stop()
    assert files(tmp_path) == before
    catalog.write_bytes(kept)
    reader, page, _ = await asked(tmp_path)
    assert len(page.traces) == 24
    await reader.stop()


async def test_a_damaged_catalog_is_named(tmp_path: Path) -> None:
    await fill(tmp_path, cut(SPANS, 8))
    catalog = tmp_path / "catalog.sqlite"
    data = bytearray(catalog.read_bytes())
    data[4096:] = bytes(byte ^ 0x55 if place % 97 == 0 else byte for place, byte in enumerate(data[4096:]))
    catalog.write_bytes(data)
    before = files(tmp_path)
    sink = LakeSink(options(tmp_path))
    with pytest.raises(StoreError, match=r"the catalog of a lake.*catalog.sqlite.*from a copy"):
        await sink.start()
    await sink.stop()
    assert files(tmp_path) == before
    reader = LakeReader(options(tmp_path))
    await reader.start()
    with pytest.raises(StoreError, match=r"the catalog of a lake.*catalog.sqlite.*from a copy"):
        await reader.find_traces(SCOPE, TraceQuery(), first=10)
    await reader.stop()
