"""A column more: segments that do not have it are read, summed and merged together with those that do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lakes import DAY_NS, cut, fill, live, look_after
from llm_obs_core.errors import PermanentError
from llm_obs_lake.arrow import table_of
from llm_obs_lake.schema import KINDS, SCHEMAS, Kind
from llm_obs_lake.versions import nothing, sql_nothing, upgraded
from llm_obs_testing.arrow import encode
from llm_obs_testing.spans import make_traces

HERE = Path(__file__).parent
CHILD = {**os.environ, "PYTHONPATH": str(HERE / "support")}


@pytest.mark.parametrize("merged", [False, True])
def test_columns_may_be_added(tmp_path: Path, merged: bool) -> None:
    asyncio.run(fill(tmp_path, cut(make_traces(9), 4)))
    if merged:
        look_after(tmp_path, now_ns=9 * DAY_NS)
    subprocess.run([sys.executable, str(HERE / "support" / "newer.py"), str(tmp_path)], check=True, env=CHILD)


def test_a_column_that_should_be_there_is_missed() -> None:
    table = pa.table({"trace_id": pa.array([b"\0" * 16], pa.binary(16))})
    with pytest.raises(KeyError, match="span_id"):
        upgraded(table, "spans", 1, ["trace_id", "span_id"])
    schema = pa.schema([pa.field("a", pa.int64(), False), pa.field("b", pa.string()), pa.field("c", pa.int64(), False)])
    columns = {"a": encode("int64", [5, 6]), "unknown": encode("int64", [1, 1])}
    assert table_of(columns, schema, 2, zeros={"c"}).to_pylist() == [
        {"a": 5, "b": None, "c": 0},
        {"a": 6, "b": None, "c": 0},
    ]
    with pytest.raises(PermanentError, match=r"a column c, got a, unknown"):
        table_of(columns, schema, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_the_same_to_both_libraries(kind: Kind) -> None:
    for field in SCHEMAS[kind]:
        ((value,),) = duckdb.execute(f"SELECT {sql_nothing(kind, field.name)}").fetchall()
        assert nothing(field, 2).to_pylist() == [value, value]
        assert (value is None) == field.nullable
        assert nothing(field, 3).cast(field.type).type == field.type


async def test_every_file_says_what_it_is(tmp_path: Path) -> None:
    """A segment is held against the columns of its own version, not against those of today."""
    from llm_obs_lake.damage import _inside
    from llm_obs_lake.folder import Folder

    await fill(tmp_path, [make_traces(2)])
    blobs = Folder(tmp_path).blobs
    for segment in live(tmp_path):
        assert _inside(blobs, segment) == ""
        path = tmp_path / "segments" / segment.path
        table = pq.read_table(path)
        pq.write_table(table.drop_columns(table.column_names[-1:]), path)
        assert _inside(blobs, segment) == "other columns or rows than were written"
