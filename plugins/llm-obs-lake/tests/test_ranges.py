"""Ranges that take several writes: crashes, repeats and other cuts between them; never twice, never lost."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import DAY_NS, SCOPE, answers, files, live, look_after, measures, notes, options
from llm_obs_core.errors import RetryableError, StoreError
from llm_obs_core.interfaces import SinkPart, TraceQuery
from llm_obs_lake.catalog import Catalog
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.parts import (
    Annotation,
    make_annotations,
    make_measures,
    make_part,
    make_parts,
    make_write,
    position,
)
from llm_obs_testing.spans import make_span, make_traces

CALL = {"gen_ai.operation.name": "chat"}


def crash(sink: LakeSink) -> None:
    """As the end of the process: locks go, files stay."""
    assert sink._upkeep is not None and sink._catalog is not None and sink._thread is not None  # noqa: PT018
    sink._upkeep.stop()
    sink._catalog.close()
    sink._folder.close()
    sink._thread.shutdown()


def pieces(first: int, cuts: int, measured_early: bool) -> list[list[SinkPart]]:
    """The writes of the range of two records, of which each has three spans."""
    last = first + 1
    spans = [make_span(10 * first + number, trace=first, attributes=CALL) for number in range(6)]
    edges = [6 * place // cuts for place in range(cuts + 1)]
    writes: list[list[SinkPart]] = []
    for start, end in pairwise(edges):
        said = [Annotation.of(span, "score", start) for span in spans[start:end]]
        writes.append([make_part(spans[start:end], first, last), make_annotations(said, first, last)])
        writes[-1].append(make_part(spans[start : start + 1], first, last, tenant="other"))
    writes[0 if measured_early else -1] += [make_measures(spans[:3], first), make_measures(spans[3:], last)]
    return writes


STEPS = st.lists(st.sampled_from(["go on", "again", "cut off", "crash", "stop", "other cut", "merge"]), max_size=14)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS, st.integers(1, 3), st.booleans())
def test_whatever_happens_between(steps: list[str], cuts: int, measured_early: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_between(Path(folder), steps, cuts, measured_early))


async def _between(folder: Path, steps: list[str], cuts: int, measured_early: bool) -> None:
    sink = LakeSink(options(folder))
    held = await sink.start()
    first, number = 1, 0
    for step in [*steps, *["go on"] * 6]:
        writes = pieces(first, cuts, measured_early)
        write = make_write(writes[number], first, first + 1, final=number == cuts - 1)
        match step:
            case "crash" | "stop":
                await sink.stop() if step == "stop" else crash(sink)
                sink = LakeSink(options(folder))
                held = await sink.start()
                first, number = (held.sequence + 1 if held else 1), 0
                assert files(folder) == {segment.path for segment in live(folder)}
            case "other cut":
                cuts, number = cuts % 3 + 1, 0
                if len(sink._begun):  # the worker only begins a range anew at a start, or in pieces of it
                    await sink.stop()
                    await sink.start()
            case "merge":
                look_after(folder, merge_segments=2)
            case "again" if number:
                before = make_write(writes[number - 1], first, first + 1, final=False)
                await sink.write(before)
            case "again":
                done = pieces(first - 2, 1, measured_early)[0] if first > 1 else []
                await sink.write(make_write(done, max(first - 2, 1), first - 1)) if done else None
            case "cut off":
                writing = asyncio.ensure_future(sink.write(write))
                await asyncio.sleep(0)
                writing.cancel()
                await asyncio.wait([writing])
                if write.final:
                    await sink.write(write)
                    first, number = first + 2, 0
            case _:
                await sink.write(write)
                first, number = (first + 2, 0) if write.final else (first, number + 1)
    await sink.stop()
    stored = range(1, first, 2)
    look_after(folder, now_ns=2**62)
    reader = LakeReader(options(folder))
    await reader.start()
    page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
    assert Counter(item.trace_id for item in page.traces) == Counter(number.to_bytes(16, "big") for number in stored)
    assert {item.span_count for item in page.traces} <= {6}
    await reader.stop()
    requests = sum(row["requests"] for _, row in measures(folder))
    assert requests == 6 * len(stored)
    assert len(notes(folder)) == 6 * len(stored)
    assert files(folder) == {segment.path for segment in live(folder)}


async def test_parts_of_a_range_are_live_together(tmp_path: Path) -> None:
    sink, reader = LakeSink(options(tmp_path)), LakeReader(options(tmp_path))
    await sink.start()
    await reader.start()
    writes = pieces(1, 3, measured_early=False)
    for number, parts in enumerate(writes):
        assert live(tmp_path) == []
        assert (await reader.find_traces(SCOPE, TraceQuery(), first=9)).traces == ()
        await sink.write(make_write(parts, 1, 2, final=number == 2))
    (trace,) = (await reader.find_traces(SCOPE, TraceQuery(), first=9)).traces
    assert trace.span_count == 6
    assert {(item.first_sequence, item.last_sequence, item.part) for item in live(tmp_path, "spans")} == {
        (1, 2, part) for part in range(3)
    }
    before = await answers(tmp_path)
    assert look_after(tmp_path, now_ns=2**62).merged == 6
    assert await answers(tmp_path) == before
    assert {item.part for item in live(tmp_path)} == {0}
    await reader.stop()
    await sink.stop()


async def test_the_last_part_wins(tmp_path: Path) -> None:
    """Also over merges of some of them, and over the content."""
    sink = LakeSink(options(tmp_path))
    await sink.start()
    for sequence in (1, 2):
        for number in range(3):
            said = {**CALL, "gen_ai.input.messages": f'["{sequence}.{number}"]'}
            part = make_part([make_span(7, name=f"{sequence}.{number}", attributes=said)], sequence)
            await sink.write(make_write([part], final=number == 2))
    await sink.stop()
    for _ in range(3):
        reader = LakeReader(options(tmp_path))
        await reader.start()
        trace = await reader.trace(SCOPE, (7).to_bytes(16, "big"))
        assert trace is not None
        assert [(item.span.name, item.content[0].body) for item in trace.spans] == [("2.2", '"2.2"')]
        await reader.stop()
        look_after(tmp_path, merge_segments=2, merge_max_rows=3)


async def test_spans_that_come_again_in_another_piece_are_once(tmp_path: Path) -> None:
    """As after a write that failed half way: no merge has to come before the list counts them once."""
    spans = make_traces(6)
    folders = [tmp_path / name for name in ("cut", "whole")]
    for folder in folders:
        sink = LakeSink(options(folder))
        await sink.start()
        half = len(spans) // 2
        given = [spans[: half + 4], spans[half:]] if folder.name == "cut" else [spans]
        for number, piece in enumerate(given, 1):
            parts = [make_part(piece, 1, 4), make_part(spans[:2], 1, 4, tenant=f"other {number}")]
            parts += [make_measures(spans, 4)] if number == len(given) else []
            await sink.write(make_write(parts, final=number == len(given)))
        await sink.stop()
        assert files(folder) == {segment.path for segment in live(folder)}
    assert await answers(folders[0]) == await answers(folders[1])
    assert [item.rows for item in live(folders[0], "spans") if item.tenant == "default"] == [len(spans)]
    assert len(live(folders[0], "spans")) == 3


async def test_a_range_that_is_not_finished_is_not_passed(tmp_path: Path) -> None:
    sink = LakeSink(options(tmp_path))
    await sink.start()
    await sink.write(make_write(make_parts([make_span(1)], 1, 3), final=False))
    with pytest.raises(StoreError, match=r"the rest of test/0/derived/1 to .*/3, or all of it.*start the sink again"):
        await sink.write(make_write(make_parts([make_span(2)], 4)))
    await sink.write(make_write(make_parts([make_span(3)], 1)))  # anew, in pieces
    await sink.write(make_write(make_parts([make_span(4)], 2, 3)))
    await sink.stop()
    assert [item.rows for item in live(tmp_path, "spans")] == [1, 1]
    assert files(tmp_path) == {segment.path for segment in live(tmp_path)}
    assert await sink.start() == position(3)
    await sink.stop()


async def test_a_final_write_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = LakeSink(options(tmp_path))
    await sink.start()
    writes = pieces(1, 2, measured_early=True)
    await sink.write(make_write(writes[0], 1, 2, final=False))
    begun = files(tmp_path)

    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "add", refuse)
        with pytest.raises(RetryableError, match="No space left"):
            await sink.write(make_write(writes[1], 1, 2))
    assert files(tmp_path) == begun
    await sink.write(make_write(writes[1], 1, 2))
    await sink.stop()
    assert sum(row["requests"] for _, row in measures(tmp_path)) == 6
    assert sum(item.rows for item in live(tmp_path, "spans") if item.tenant == "default") == 6


async def test_measures_come_without_spans(tmp_path: Path) -> None:
    """And annotations: segments of them are listed, merged and dropped as others are."""
    sink = LakeSink(options(tmp_path))
    await sink.start()
    spans = make_traces(8)
    for number in range(1, 9):
        given = spans[number::8]
        parts = [make_measures(given, number, received_ns=DAY_NS)]
        if number == 3:
            parts.append(make_part(given, number, received_ns=DAY_NS))
        if number == 5:
            parts = [make_annotations([Annotation.of(spans[0], "score", 1)], number, received_ns=DAY_NS)]
        await sink.write(make_write(parts))
    await sink.stop()
    before = (await answers(tmp_path), notes(tmp_path))
    assert look_after(tmp_path).merged == 8
    assert (await answers(tmp_path), notes(tmp_path)) == before
    assert sorted(item.kind for item in live(tmp_path)) == ["annotations", "content", "measures", "spans", "summaries"]
    assert look_after(tmp_path, now_ns=9 * DAY_NS, retention_days=2).dropped == 1
    assert files(tmp_path) == set()


async def test_measures_of_equal_keys_are_one_row(tmp_path: Path) -> None:
    sink = LakeSink(options(tmp_path))
    await sink.start()
    spans = [make_span(number, start_ns=5, attributes=CALL) for number in range(1, 31)]
    await sink.write(make_write([make_measures(spans[number::10], number + 1) for number in range(10)]))
    await sink.stop()
    ((_, row),) = measures(tmp_path)
    assert (row["requests"], sum(row["duration_hist"].values())) == (30, 30)
