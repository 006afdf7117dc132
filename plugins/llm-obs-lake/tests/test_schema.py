"""What is on disk is a contract: a change of `golden/schema.txt` is a decision, and raises `FORMAT`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from lakes import fill, live, paths
from llm_obs_lake.ddl import FORMAT
from llm_obs_lake.schema import KINDS
from llm_obs_testing.spans import make_traces

GOLDEN = Path(__file__).parent / "golden" / "schema.txt"


async def test_files_and_tables_are_as_they_were(tmp_path: Path, golden: Callable[..., None]) -> None:
    await fill(tmp_path, [make_traces(3)])
    text = [f"format {FORMAT}\n"]
    for kind in KINDS:
        (path,) = paths(tmp_path, kind)
        schema = str(pq.ParquetFile(path).schema).partition("\n")[2]
        text.append(f"{kind}\n{schema.replace(' field_id=-1', '').strip()}\n")
    assert len(live(tmp_path)) == len(KINDS)
    db = sqlite3.connect(tmp_path / "catalog.sqlite")
    text += [f"{sql}\n" for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")]
    db.close()
    golden(GOLDEN, "\n".join(text))
