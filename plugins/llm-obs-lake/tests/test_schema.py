"""What is on disk is a contract: a change of `golden/schema.txt` is a decision, and a new version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import llm_obs_lake
import pyarrow.parquet as pq
import pytest
from lakes import fill, live, options, paths
from llm_obs_lake.ddl import FORMAT
from llm_obs_lake.schema import KINDS, SCHEMAS
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.versions import VERSION, described
from llm_obs_testing.parts import Annotation, make_annotations, make_parts, make_write
from llm_obs_testing.spans import make_traces

GOLDEN = Path(__file__).parent / "golden" / "schema.txt"
VERSIONS = Path(llm_obs_lake.__file__).parent / "versions"


async def test_files_and_tables_are_as_they_were(tmp_path: Path, golden: Callable[..., None]) -> None:
    sink = LakeSink(options(tmp_path))
    await sink.start()
    spans = make_traces(3)
    said = make_annotations([Annotation.of(spans[0], "score", 1)], 1)
    await sink.write(make_write([*make_parts(spans, 1), said]))
    await sink.stop()
    text = [f"format {FORMAT}, version {VERSION}\n"]
    for kind in KINDS:
        (path,) = paths(tmp_path, kind)
        schema = str(pq.ParquetFile(path).schema).partition("\n")[2]
        text.append(f"{kind}\n{schema.replace(' field_id=-1', '').strip()}\n")
    assert len(live(tmp_path)) == len(KINDS)
    text += [f"{sql}\n" for sql in tables(tmp_path)]
    golden(GOLDEN, "\n".join(text))


def tables(folder: Path) -> list[str]:
    db = sqlite3.connect(folder / "catalog.sqlite")
    found = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")]
    db.close()
    return found


def test_every_version_is_frozen(request: pytest.FixtureRequest) -> None:
    """When the columns have changed, the next version's file is written by `--renew-golden`; none is written anew."""
    path = VERSIONS / f"{VERSION}.json"
    if not path.exists() and request.config.getoption("--renew-golden"):
        kinds = [
            f"{json.dumps(kind)}: [\n  " + ",\n  ".join(json.dumps(column) for column in columns) + "\n ]"
            for kind, columns in described(SCHEMAS).items()
        ]
        path.write_text("{\n " + ",\n ".join(kinds) + "\n}\n", encoding="utf-8")
    assert path.exists(), "the columns of segments have changed: pytest --renew-golden writes their next version"
    assert sorted(int(file.stem) for file in VERSIONS.iterdir()) == list(range(1, VERSION + 1))
    frozen = json.loads(path.read_text(encoding="utf-8"))
    assert frozen == json.loads(json.dumps(described(SCHEMAS)))


def test_no_column_changes_its_type() -> None:
    types: dict[tuple[str, str], str] = {}
    for number in range(1, VERSION + 1):
        for kind, columns in json.loads((VERSIONS / f"{number}.json").read_text(encoding="utf-8")).items():
            for name, type, _ in columns:
                assert types.setdefault((kind, name), type) == type


async def test_an_empty_lake_has_the_same_tables(tmp_path: Path) -> None:
    await fill(tmp_path, [])
    assert len(tables(tmp_path)) == 6
