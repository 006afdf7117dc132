"""The trace list over more summaries than its first look goes through, against brute force over all spans."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from lakes import DAY_NS, fill, live, look_after, options
from llm_obs_core.filter import And, Condition, Not, conditions
from llm_obs_core.interfaces import Cursor, Scope, TraceQuery, TraceSummary
from llm_obs_core.model import Span, StatusCode
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.find import FIRST_ROWS
from llm_obs_lake.folder import Folder, ParquetFile
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.versions import VERSION
from llm_obs_testing.parts import position
from llm_obs_testing.spans import make_span

SCOPE = Scope(("default",))
TIME = 1_000
SHOP = Condition("service", "eq", "shop")


def scattered(dice: random.Random, traces: int, writes: int) -> list[list[Span]]:
    """Traces whose spans are spread over writes; some begin long before most of their spans, some times are equal."""
    found: list[list[Span]] = [[] for _ in range(writes)]
    number = 0
    for trace in range(1, traces + 1):
        home = dice.randrange(writes)
        begin = home * TIME // writes + dice.randrange(4) * 30
        for _ in range(dice.randrange(1, 5)):
            number += 1
            at = begin + dice.choice([0, 0, 1, 7, 90, TIME // 2])
            span = make_span(
                number,
                trace=trace,
                start_ns=at,
                duration_ns=dice.choice([0, 5, 80]),
                name=dice.choice(["ask", "Answer"]),
                service=dice.choice(["shop", "search"]),
                parent=dice.choice([None, 1]),
                status_code=dice.choice([StatusCode.UNSET, StatusCode.UNSET, StatusCode.ERROR]),
            )
            found[dice.choice([home, home, dice.randrange(writes)])].append(span)
    return [spans for spans in found if spans]


def by_brute_force(spans: Sequence[Span], where: TraceQuery) -> list[tuple[int, bytes]]:
    """Start and id of each trace that matches, in order."""
    traces: dict[bytes, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    found = []
    wanted = list(conditions(where.where))
    fields = {condition.field for condition in wanted}
    for trace_id, members in traces.items():
        start = min(span.start_ns for span in members)
        duration = max(span.end_ns for span in members) - start
        failed = any(span.status_code == StatusCode.ERROR for span in members)
        first = min(members, key=lambda span: (span.parent_span_id is not None, span.start_ns, span.name))
        if (
            (where.start_ns is None or start >= where.start_ns)
            and (where.end_ns is None or start < where.end_ns)
            and ("trace.duration_ns" not in fields or duration >= 60)
            and ("trace.error_count" not in fields or failed == (Condition("trace.error_count", "gt", 0) in wanted))
            and ("trace.name" not in fields or "answer" in first.name.lower())
            and ("service" not in fields or any(span.resource["service.name"] == "shop" for span in members))
            and ("status_code" not in fields or not failed)
        ):
            found.append((start, trace_id))
    return sorted(found, reverse=True)


async def walk(reader: LakeReader, where: TraceQuery, first: int) -> list[TraceSummary]:
    found: list[TraceSummary] = []
    after: Cursor | None = None
    while True:
        page = await reader.find_traces(SCOPE, where, first=first, after=after)
        assert len(page.traces) <= first
        found += page.traces
        if (after := page.next) is None:
            return found


@pytest.mark.parametrize("seed", range(4))
async def test_any_window_gives_the_same_list(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    writes = scattered(dice, traces=60, writes=12)
    await fill(tmp_path, writes)
    if seed % 2:
        look_after(tmp_path, merge_segments=3, merge_max_rows=30)
    spans = [span for write in writes for span in write]
    whole = LakeReader(options(tmp_path))
    await whole.start()
    for first_rows in (1, 8, 40):
        reader = LakeReader(options(tmp_path), first_rows=first_rows)
        await reader.start()
        for _ in range(5):
            choices = [
                [None, None, SHOP],
                [None, None, Condition("trace.error_count", "gt", 0), Condition("trace.error_count", "eq", 0)],
                [None, None, Condition("trace.name", "contains", "answer")],
                [None, None, Condition("trace.duration_ns", "gte", 60)],
                [None, None, Not(Condition("status_code", "eq", 2))],
            ]
            where = TraceQuery(
                And(tuple(condition for choice in choices if (condition := dice.choice(choice)) is not None)),
                start_ns=dice.choice([None, None, dice.randrange(TIME)]),
                end_ns=dice.choice([None, None, dice.randrange(2 * TIME)]),
            )
            found = await walk(reader, where, dice.choice([1, 3, 10, 100]))
            assert [(item.start_ns, item.trace_id) for item in found] == by_brute_force(spans, where)
            assert found == await walk(whole, where, 1000)
        await reader.stop()
    await whole.stop()


async def test_a_trace_that_begins_before_its_window_waits_for_it(tmp_path: Path) -> None:
    """The newest parts of two are in the newest file, their beginnings in the oldest: they come last, and once."""
    early = [make_span(90 + trace, trace=trace, start_ns=trace) for trace in (10, 11)]
    late = [make_span(95 + trace, trace=trace, parent=1, start_ns=900) for trace in (10, 11)]
    others = [make_span(number, start_ns=number * 100) for number in range(1, 9)]
    await fill(tmp_path, [[*early, others[0]], *([span] for span in others[1:7]), [*late, others[7]]])
    reader = LakeReader(options(tmp_path), first_rows=3)
    await reader.start()
    for first in (1, 2, 3, 9, 10):
        found = await walk(reader, TraceQuery(), first)
        assert [int.from_bytes(item.trace_id, "big") for item in found] == [8, 7, 6, 5, 4, 3, 2, 1, 11, 10]
        assert [(item.start_ns, item.span_count) for item in found[-2:]] == [(11, 2), (10, 2)]
    assert await walk(reader, TraceQuery(start_ns=12), 1) == (await walk(reader, TraceQuery(), 9))[:-2]
    await reader.stop()


def summaries(first: int, rows: int, start_ns: int) -> pa.Table:
    """Traces of consecutive ids, each a nanosecond later."""
    schema = SCHEMAS["summaries"]
    ids = np.zeros((rows, 2), dtype=">u8")
    ids[:, 1] = np.arange(first, first + rows)
    starts = np.arange(start_ns, start_ns + rows)
    columns: dict[str, pa.Array] = {}
    for field in schema:
        if field.type == pa.int64():
            columns[field.name] = pa.array(np.ones(rows, dtype=np.int64))
        elif field.type == pa.string():
            columns[field.name] = pa.repeat("a", rows)
        elif field.type == pa.bool_():
            columns[field.name] = pa.repeat(True, rows)
        elif pa.types.is_list(field.type):
            columns[field.name] = pa.repeat(pa.scalar(["m"], field.type), rows)
    columns["trace_id"] = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows, [None, pa.py_buffer(ids.tobytes())])
    columns |= {name: pa.array(starts) for name in ("start_ns", "name_start_ns")}
    columns["end_ns"] = pa.array(starts + 10)
    return pa.table([columns[name] for name in schema.names], schema=schema)


async def test_more_traces_than_the_first_look(tmp_path: Path) -> None:
    """A real store just beyond the limit: its oldest traces are found in the second look."""
    await fill(tmp_path, [])
    folder, catalog = Folder(tmp_path), Catalog(tmp_path / "catalog.sqlite", write=True)
    size = FIRST_ROWS // 2 + 1
    spread = summaries(1, 1, 3)  # the first trace again, in the newest file: it began in the oldest
    for number in range(3):
        table = summaries(1 + number * size, size, 1 + number * size)
        if number == 2:
            table = pa.concat_tables([spread, table])
        file = ParquetFile(folder, "default", "summaries", number + 1, number + 1, 1)
        file.write(table)
        starts = table["start_ns"].to_numpy()
        segment = Segment(
            id=0, tenant="default", kind="summaries", path=file.name, rows=len(table), size_bytes=file.finish(),
            min_start_ns=int(starts.min()), max_start_ns=int(starts.max()), writer="test", partition=0,
            stream="derived", first_sequence=number + 1, last_sequence=number + 1, part=0, schema=VERSION,
            received_ns=DAY_NS,
        )  # fmt: skip
        folder.publish([file])
        catalog.add([segment], position(number + 1), DAY_NS)
    catalog.close()
    assert sum(segment.rows for segment in live(tmp_path)) == 3 * size + 1 > FIRST_ROWS
    reader = LakeReader(options(tmp_path))
    await reader.start()
    newest = await reader.find_traces(SCOPE, TraceQuery(), first=2)
    assert [item.start_ns for item in newest.traces] == [3 * size, 3 * size - 1]
    middle = await reader.find_traces(SCOPE, TraceQuery(end_ns=size + 2), first=2)
    assert [item.start_ns for item in middle.traces] == [size + 1, size]
    after = Cursor(3, (3).to_bytes(16, "big"), "default")
    oldest = await reader.find_traces(SCOPE, TraceQuery(), first=9, after=after)
    assert [(item.start_ns, item.trace_id[-1], item.span_count) for item in oldest.traces] == [(2, 2, 1), (1, 1, 2)]
    assert oldest.next is None
    await reader.stop()


def test_nothing_is_found_in_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        await fill(tmp_path, [])
        reader = LakeReader(options(tmp_path), first_rows=1)
        await reader.start()
        assert await walk(reader, TraceQuery(SHOP), 3) == []
        await reader.stop()

    asyncio.run(work())


async def test_a_condition_on_spans_that_are_damaged_finds_none(tmp_path: Path) -> None:
    await fill(tmp_path, [[make_span(1)]])
    (path,) = [tmp_path / "segments" / segment.path for segment in live(tmp_path, "spans")]
    path.write_bytes(b"")
    reader = LakeReader(options(tmp_path))
    await reader.start()
    page = await reader.find_traces(SCOPE, TraceQuery(SHOP), first=3)
    assert page.traces == ()
    assert len(page.coverage.damaged) == 1
    await reader.stop()
