"""Merges: what is asked has the same answers before and after; what is stored is less."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lakes import DAY_NS, SCOPE, answers, cut, files, fill, live, look_after, paths
from llm_obs_core.interfaces import TraceQuery
from llm_obs_lake.catalog import Catalog
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.fold import fold_spans
from llm_obs_lake.folder import Folder
from llm_obs_lake.lease import Lease
from llm_obs_lake.merge import merge
from llm_obs_lake.plan import units
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Round
from llm_obs_testing.parts import make_parts, make_write
from llm_obs_testing.spans import make_span, make_traces


async def test_many_become_one_and_nothing_changes(tmp_path: Path) -> None:
    await fill(tmp_path, cut(make_traces(60), 8))
    before = await answers(tmp_path)
    assert look_after(tmp_path) == Round(merged=8, dropped=0, removed=32, kept=0)
    assert await answers(tmp_path) == before
    (spans,) = live(tmp_path, "spans")
    assert (spans.first_sequence, spans.last_sequence, spans.received_ns) == (1, 8, DAY_NS)
    assert files(tmp_path) == {segment.path for segment in live(tmp_path)}
    rows = pq.read_table(*paths(tmp_path, "spans")).to_pylist()
    assert [(row["trace_id"], row["start_ns"]) for row in rows] == sorted(
        (row["trace_id"], row["start_ns"]) for row in rows
    )
    assert len(pq.read_table(*paths(tmp_path, "summaries"))) == 60
    assert look_after(tmp_path) == Round(0, 0, 0, 0)


async def test_summaries_of_another_version_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(tmp_path, cut(make_traces(30), 8))
    before = await answers(tmp_path)
    made: list[int] = []

    def counted(spans: pa.Table) -> pa.Table:
        made.append(len(spans))
        return fold_spans(spans)

    monkeypatch.setattr("llm_obs_lake.merge.absent", lambda *_: frozenset({"new"}))
    monkeypatch.setattr("llm_obs_lake.merge.fold_spans", counted)
    assert look_after(tmp_path).merged == 8
    assert sum(made) == len(make_traces(30))
    assert await answers(tmp_path) == before


async def test_bodies_are_kept_once_over_merges(tmp_path: Path) -> None:
    def said(number: int) -> dict[str, str]:
        return {"gen_ai.input.messages": f'["you are kind","turn {number % 7}","{number}"]'}

    spans = [make_span(number * 7919 % 1000 + 1, attributes=said(number)) for number in range(400)]
    await fill(tmp_path, cut(spans, 4))
    before = await answers(tmp_path)
    look_after(tmp_path, merge_segments=2)
    assert await answers(tmp_path) == before
    rows = pq.read_table(*paths(tmp_path, "content")).to_pylist()
    assert len(rows) == 1200
    for row in rows:
        holder = rows[row["body_row"]]
        assert holder["body"] is not None
        assert holder["digest"] == row["digest"]
    assert sum(row["body"] is not None for row in rows) == len({row["digest"] for row in rows}) == 408


async def test_a_span_that_came_again_is_kept_once(tmp_path: Path) -> None:
    """Its first version held a body that others point to; measures counted it twice, as they are told to."""
    said = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": '["shared"]'}
    first = [make_span(1, name="old", attributes=said), make_span(2, attributes=said), make_span(3)]
    other = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": '["mine"]'}
    again = [make_span(1, name="new", attributes=other)]
    await fill(tmp_path, [first, again])
    look_after(tmp_path, merge_segments=2)
    assert len(live(tmp_path, "spans")) == 2  # the first is larger than the second
    look_after(tmp_path, now_ns=2 * DAY_NS, merge_segments=2)
    (spans,) = live(tmp_path, "spans")
    assert spans.rows == 3
    traces, whole, _ = await answers(tmp_path)
    assert sorted(trace.name for trace in traces) == ["new", "work", "work"]
    assert all(trace.span_count == 1 for trace in traces)
    bodies = {spans[0].span.name + str(n): spans[0].content for n, (_, spans) in enumerate(whole)}
    assert sorted(item.body for content in bodies.values() for item in content) == ['"mine"', '"shared"']


async def test_files_stay_while_a_reader_reads_them(tmp_path: Path) -> None:
    await fill(tmp_path, cut(make_traces(20), 8))
    before = await answers(tmp_path)
    old = files(tmp_path)
    catalog = Catalog(tmp_path / "catalog.sqlite", write=False)
    lease = Lease(tmp_path / "leases")

    def look() -> tuple[int, None]:
        return catalog.snapshot().generation, None

    with lease.hold(look):
        assert look_after(tmp_path) == Round(merged=8, dropped=0, removed=0, kept=32)
        assert old < files(tmp_path)
        with lease.hold(look):
            assert look_after(tmp_path).kept == 32
    with lease.hold(look):  # it reads what is live now
        assert look_after(tmp_path) == Round(0, 0, removed=32, kept=0)
    assert not old & files(tmp_path)
    lease.close()
    catalog.close()
    assert await answers(tmp_path) == before


def test_a_dead_readers_lease_is_none(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path, cut(make_traces(20), 8)))
    script = (
        "import sys, time; from pathlib import Path; from llm_obs_lake.lease import Lease\n"
        "with Lease(Path(sys.argv[1])).hold(lambda: (1, None)): print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "leases")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert look_after(tmp_path).kept == 32
        child.send_signal(signal.SIGKILL)
    assert look_after(tmp_path).removed == 32
    assert list((tmp_path / "leases").iterdir()) == []


async def test_a_sink_merges_while_it_writes_and_a_reader_reads(tmp_path: Path) -> None:
    """The background does what a round does; every trace that was acknowledged is found at any moment."""
    settings = LakeOptions(path=str(tmp_path), merge_interval_s=0.01, merge_segments=2)
    sink, reader = LakeSink(settings), LakeReader(settings)
    await sink.start()
    await reader.start()
    for number in range(1, 41):
        parts = make_parts(make_traces(2, first=number * 2), number, received_ns=DAY_NS)
        await sink.write(make_write(parts))
        page = await reader.find_traces(SCOPE, TraceQuery(), first=100)
        assert len(page.traces) == number * 2
        for item in page.traces[::9]:
            trace = await reader.trace(SCOPE, item.trace_id)
            assert trace is not None
            assert trace.summary == item
    await reader.stop()
    await sink.stop()
    assert len(live(tmp_path, "spans")) < 40


async def test_what_is_too_old_is_dropped(tmp_path: Path) -> None:
    await fill(tmp_path, [make_traces(3)], received_ns=5 * DAY_NS)
    await fill(tmp_path, [make_traces(3, first=9)], received_ns=9 * DAY_NS)
    assert look_after(tmp_path, now_ns=10 * DAY_NS).dropped == 0
    assert look_after(tmp_path, now_ns=10 * DAY_NS, retention_days=2) == Round(0, dropped=1, removed=4, kept=0)
    traces, _, _ = await answers(tmp_path)
    assert len(traces) == 3


async def test_a_merge_that_is_stopped_leaves_everything(tmp_path: Path) -> None:
    await fill(tmp_path, cut(make_traces(20), 8))
    before = files(tmp_path)

    class StopError(Exception):
        pass

    def check() -> None:
        raise StopError

    catalog = Catalog(tmp_path / "catalog.sqlite", write=True)
    with pytest.raises(StopError):
        merge(catalog, Folder(tmp_path), units(catalog.snapshot().segments), 1, check)
    catalog.close()
    assert files(tmp_path) == before
