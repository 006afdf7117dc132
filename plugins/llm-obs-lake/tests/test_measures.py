"""Sums from decoded measures: against DuckDB over the same files, with any room, whatever happens to the files."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lakes import DAY_NS, SCOPE, cut, fill, live, look_after, options, paths
from llm_obs_core import semconv
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import AggregateQuery, AggregateRow
from llm_obs_core.model import MEASURE_VALUES
from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.decoded import HISTOGRAMS, KEYS, SUMS, decode
from llm_obs_lake.folder import Folder
from llm_obs_lake.held import HeldMeasures
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.parts import make_parts, make_write
from llm_obs_testing.spans import START_NS, make_span, make_traces

MINUTE_NS = 60_000_000_000
ALL = ["minute_ns", *SUMS, *HISTOGRAMS]
CALL = {semconv.OPERATION_NAME: "chat"}

ASKING = """
import asyncio, sys
from llm_obs_core.interfaces import AggregateQuery, Scope
from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.reader import LakeReader

async def main():
    reader = LakeReader(LakeOptions(path=sys.argv[1]))
    await reader.start()
    for _ in sys.stdin:
        rows = (await reader.aggregate(Scope(("default",)), AggregateQuery())).rows
        print(sum(row.values["requests"] for row in rows), flush=True)
    await reader.stop()

asyncio.run(main())
"""


async def ask(folder: Path, query: AggregateQuery, **changes: Any) -> list[AggregateRow]:
    reader = LakeReader(options(folder, **changes))
    await reader.start()
    try:
        rows = (await reader.aggregate(SCOPE, query)).rows
        assert sorted(map(repr, (await reader.aggregate(SCOPE, query)).rows)) == sorted(map(repr, rows))
        return list(rows)
    finally:
        await reader.stop()


def by_duckdb(folder: Path, query: AggregateQuery) -> list[AggregateRow]:
    """The same question as plain SQL over the files."""
    model = "coalesce(response_model, request_model)"
    keys = [model if name == "model" else f'"{name}"' for name in query.group_by]
    keys.append(f"minute_ns // {query.interval_ns} * {query.interval_ns}" if query.interval_ns else "NULL")
    names = [f"k{place}" for place in range(len(keys))]
    listed = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    source = f"FROM read_parquet({[str(path) for path in paths(folder, 'measures')]}) WHERE true"
    if query.start_ns is not None:
        source += f" AND minute_ns >= {query.start_ns // MINUTE_NS * MINUTE_NS}"
    if query.end_ns is not None:
        source += f" AND minute_ns < {query.end_ns}"
    found: dict[Any, tuple[dict[str, int], dict[int, int], dict[int, int]]] = {}
    sums = ", ".join(f"sum({name})" for name in SUMS)
    for row in duckdb.execute(f"SELECT {listed}, {sums} {source} GROUP BY {', '.join(names)}").fetchall():
        found[row[: len(keys)]] = (dict(zip(SUMS, map(int, row[len(keys) :]), strict=True)), {}, {})
    for place, name in enumerate(HISTOGRAMS, 1):
        lists = f"{listed}, unnest({name}_index) AS bucket, unnest({name}_count) AS calls"
        by = f"{', '.join(names)}, bucket"
        for row in duckdb.execute(f"SELECT {by}, sum(calls) FROM (SELECT {lists} {source}) GROUP BY {by}").fetchall():
            found[row[: len(keys)]][place][row[-2]] = int(row[-1])
    return [AggregateRow(key[:-1], key[-1], *sums_of) for key, sums_of in found.items()]


@pytest.mark.parametrize("room", [0, 100_000, 2**26])
async def test_as_plain_sql_says(tmp_path: Path, room: int) -> None:
    await fill(tmp_path, cut(make_traces(400), 9))
    look_after(tmp_path, merge_segments=2, merge_max_rows=500)
    assert 1 < len(live(tmp_path, "measures")) < 9
    dice = random.Random(3)
    for number in range(12):
        query = AggregateQuery(
            start_ns=dice.choice([None, START_NS + dice.randrange(3 * MINUTE_NS)]),
            end_ns=dice.choice([None, START_NS + dice.randrange(3 * MINUTE_NS)]),
            group_by=tuple(dice.sample(["model", *KEYS], number % 5)),
            interval_ns=dice.choice([None, MINUTE_NS, 60 * MINUTE_NS]),
        )
        rows = await ask(tmp_path, query, measures_memory_bytes=room)
        assert {(row.keys, row.bucket_ns): row for row in rows} == {
            (row.keys, row.bucket_ns): row for row in by_duckdb(tmp_path, query)
        }


async def test_sums_are_of_any_size(tmp_path: Path) -> None:
    most = 2**63 - 1
    spans = [make_span(n, attributes={**CALL, semconv.COST_TOTAL_NANO_USD: most}, start_ns=START_NS) for n in (1, 2)]
    spans.append(make_span(3, duration_ns=2**40 + 1, attributes=CALL, start_ns=START_NS))
    spans.append(make_span(4, duration_ns=3, attributes={**CALL, semconv.USAGE_INPUT_TOKENS: 2**31}, start_ns=START_NS))
    await fill(tmp_path, [[span] for span in spans])
    (row,) = await ask(tmp_path, AggregateQuery())
    assert row.values["cost_nano_usd"] == 2 * most
    assert row.values["duration_sum_ns"] == 2_000_000 + 2**40 + 4
    assert row.values["input_tokens"] == 2**31


async def test_what_is_kept_fits_into_the_room(tmp_path: Path) -> None:
    await fill(tmp_path, cut(make_traces(200), 6))
    files, blobs = live(tmp_path, "measures"), Folder(tmp_path).blobs
    sizes = {file.path: sum(column.nbytes for column in decode(blobs, file, ALL).values()) for file in files}
    room = sum(sizes.values()) * 2 // 3
    held = HeldMeasures(blobs, room, 2)
    for _ in range(3):
        assert sum(len(columns["minute_ns"].codes) for columns in held.columns(files, ALL)) > 0  # type: ignore[union-attr]
        assert room / 2 < held.nbytes <= room
    assert all(list(columns) for columns in held.columns(files, ["user_id"]))
    assert held.nbytes <= room
    held.keep_only([files[0].path])
    assert 0 < held.nbytes <= 2 * sizes[files[0].path]
    held.keep_only([])
    assert held.nbytes == 0
    held.close()
    held.close()


async def test_of_a_store_larger_than_the_room_a_part_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(tmp_path, cut(make_traces(200), 8))
    files, blobs = live(tmp_path, "measures"), Folder(tmp_path).blobs
    decoded: list[Segment] = []

    def counted(blobs: BlobStore, segment: Segment, names: list[str]) -> Any:
        decoded.append(segment)
        return decode(blobs, segment, names)

    monkeypatch.setattr("llm_obs_lake.held.decode", counted)
    room = sum(column.nbytes for file in files for column in decode(blobs, file, ALL).values()) // 2
    held = HeldMeasures(blobs, room, 1)
    for _ in range(4):
        decoded.clear()
        assert len(list(held.columns(files, ALL))) == 8
    assert decoded == files[-len(decoded) :]
    assert 3 <= len(decoded) <= 6
    held.close()


def test_another_process_sees_writes_merges_and_drops(tmp_path: Path) -> None:
    """Its reader keeps what it decoded before."""

    def write(*numbers: int, day: int) -> None:
        asyncio.run(fill(tmp_path, [[make_span(n, attributes=CALL)] for n in numbers], received_ns=day * DAY_NS))

    write(1, day=1)
    command = [sys.executable, "-c", ASKING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def requests() -> int:
            print(file=child.stdin, flush=True)
            return int(child.stdout.readline())  # type: ignore[union-attr]

        assert requests() == 1
        for number in range(2, 6):
            write(number, day=number)
            assert requests() == number
        write(6, 7, day=5)
        assert look_after(tmp_path, now_ns=9 * DAY_NS).merged == 3
        assert requests() == 7
        assert look_after(tmp_path, now_ns=9 * DAY_NS, retention_days=5).dropped == 3
        assert requests() == 4
        child.stdin.close()
    assert child.returncode == 0


async def test_every_call_counts_once_at_any_moment(tmp_path: Path) -> None:
    """While a sink writes and merges, and several questions are asked at once."""
    settings = LakeOptions(path=str(tmp_path), merge_interval_s=0.01, merge_segments=2)
    sink, reader = LakeSink(settings), LakeReader(settings)
    await sink.start()
    await reader.start()
    queries = [AggregateQuery(), AggregateQuery(interval_ns=MINUTE_NS), AggregateQuery(group_by=("model", "user_id"))]
    for number in range(1, 41):
        await sink.write(make_write(make_parts([make_span(number, attributes=CALL)], number)))
        answers = await asyncio.gather(*(reader.aggregate(SCOPE, query) for query in queries * 2))
        assert [sum(row.values["requests"] for row in answer.rows) for answer in answers] == [number] * 6
    await reader.stop()
    await sink.stop()


async def test_a_damaged_file_is_left_out_until_it_is_decoded_again(tmp_path: Path) -> None:
    """What is in memory already goes on being counted."""
    await fill(tmp_path, [[make_span(number, attributes=CALL)] for number in (1, 2)])
    file = paths(tmp_path, "measures")[0]
    kept = file.read_bytes()
    reader = LakeReader(options(tmp_path))
    await reader.start()

    async def requests(query: AggregateQuery) -> tuple[int, int]:
        answer = await reader.aggregate(SCOPE, query)
        return sum(row.values["requests"] for row in answer.rows), len(answer.coverage.damaged)

    assert await requests(AggregateQuery()) == (2, 0)
    file.write_bytes(b"PAR1 no more")
    assert await requests(AggregateQuery()) == (2, 0)
    assert await requests(AggregateQuery(group_by=("user_id",))) == (1, 1)
    assert await requests(AggregateQuery()) == (1, 1)
    file.write_bytes(kept)
    assert await requests(AggregateQuery(group_by=("user_id",))) == (2, 0)
    await reader.stop()


async def test_too_many_groups_are_refused(tmp_path: Path) -> None:
    users = [make_span(number, attributes={**CALL, semconv.USER_ID: str(number)}) for number in range(1, 4001)]
    await fill(tmp_path, [users])
    assert len(await ask(tmp_path, AggregateQuery(group_by=("user_id",)))) == 4000
    with pytest.raises(LlmObsError, match=r"1000000 bytes of memory are enough.*4000 groups.*fewer groups"):
        await ask(tmp_path, AggregateQuery(group_by=("user_id",)), memory_limit_bytes=1_000_000)


def test_every_value_is_summed() -> None:
    assert [*SUMS, *HISTOGRAMS] == [column.name for column in MEASURE_VALUES]
