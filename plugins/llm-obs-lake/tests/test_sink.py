"""The sink against its disk: what is stored, what is refused, what a fault leaves."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from llm_obs_core.config import Server
from llm_obs_core.errors import RetryableError, StoreError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Host, SinkWrite
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.parts import make_part, make_parts, make_write, position
from llm_obs_testing.spans import make_span, make_traces


def lake(folder: Path) -> LakeSink:
    return LakeSink(LakeOptions(path=str(folder), merge=False))


def files(folder: Path, kind: str = "*") -> list[Path]:
    return sorted(folder.glob(f"segments/*/{kind}-*"))


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """A disk that takes no file larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_segment_is_sorted_and_has_each_span_once(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    assert await sink.start() is None
    spans = make_traces(40)
    older = [make_span(9, trace=1, name="old"), make_span(8, trace=1, name="a")]
    newer = [make_span(9, trace=1, name="new")]
    await sink.write(make_write(make_parts([*older, *reversed(spans), *newer], 1, 5)))
    await sink.stop()
    (path,) = files(tmp_path, "spans")
    rows = pq.read_table(path).to_pylist()
    assert len(rows) == len(spans) + 2
    assert [row["name"] for row in rows if row["span_id"] == newer[0].span_id] == ["new"]
    assert [(row["trace_id"], row["start_ns"]) for row in rows] == sorted(
        (row["trace_id"], row["start_ns"]) for row in rows
    )
    summaries = pq.read_table(*files(tmp_path, "summaries"))
    assert len(summaries) == 40
    assert sum(summaries["span_count"].to_pylist()) == len(rows)


async def test_equal_bodies_are_kept_once(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    said = {"gen_ai.input.messages": '["hi","hi",{"role":"user"}]', "gen_ai.system_instructions": "hi"}
    await sink.write(make_write([make_part([make_span(n, attributes=said) for n in (1, 2)], 1)]))
    await sink.stop()
    rows = pq.read_table(*files(tmp_path, "content")).to_pylist()
    assert [row["body"] for row in rows] == ['"hi"', None, '{"role":"user"}', "hi", None, None, None, None]
    assert [row["body_row"] for row in rows] == [0, 0, 2, 3, 0, 0, 2, 3]
    assert [row["body_bytes"] for row in rows] == [4, 4, 15, 2] * 2


async def test_tenants_have_files_of_their_own(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    names = ["default", "../up", "Ä", "x" * 300]
    parts = [make_part([make_span(1)], number, tenant=name) for number, name in enumerate(names, 1)]
    await sink.write(make_write(parts))
    await sink.stop()
    assert len({path.parent for path in files(tmp_path, "spans")}) == 4
    assert not (tmp_path / "up").exists()


async def test_nothing_to_store_moves_the_position(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    await sink.write(make_write([], 1, 3))
    await sink.write(make_write(make_parts([], 4)))
    await sink.stop()
    assert files(tmp_path) == []
    assert await sink.start() == position(4)
    await sink.stop()


async def test_a_writer_goes_on_at_its_own_position(tmp_path: Path) -> None:
    def host(writer: str) -> Host:
        return Hosts(Server(data_dir=str(tmp_path), writer=writer))("sink", "lake")

    for writer in ("a", "b"):
        sink = LakeSink(LakeOptions(), host(writer))
        assert await sink.start() is None
        await sink.write(SinkWrite((), position(1, writer), position(7, writer)))
        await sink.stop()
    sink = LakeSink(LakeOptions(path=str(tmp_path / "lake")), host("a"))
    assert await sink.start() == position(7, "a")
    await sink.stop()


async def test_a_second_sink_is_refused(tmp_path: Path) -> None:
    sink, other = lake(tmp_path), lake(tmp_path)
    await sink.start()
    with pytest.raises(StoreError, match=r"no other process writes.*stop the other llm-obs"):
        await other.start()
    await other.stop()
    await sink.stop()
    await other.start()
    await other.stop()
    await other.stop()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can be written.*file/lake.*correct its owner and mode"):
        await lake(tmp_path / "file" / "lake").start()


async def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    await sink.stop()
    db = sqlite3.connect(tmp_path / "catalog.sqlite")
    db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(StoreError, match=r"format 1 to 2, got format 9.*the version of llm-obs that wrote it"):
        await sink.start()
    await sink.stop()
    (tmp_path / "catalog.sqlite").write_bytes(b"no database" * 999)
    with pytest.raises(StoreError, match="the catalog of a lake"):
        await sink.start()
    await sink.stop()


async def test_a_full_disk_stores_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    write = make_write(make_parts(make_traces(200), 1, 9))
    for size in (1, 3_000, 30_000):
        with files_up_to(size), pytest.raises(RetryableError, match=r"a disk that takes.*free space"):
            await sink.write(write)
        assert files(tmp_path) == []
    await sink.write(write)
    assert len(files(tmp_path)) == 4
    await sink.stop()


async def test_files_that_the_catalog_does_not_name_are_removed(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    await sink.start()
    await sink.write(make_write([make_part([make_span(1)], 1)]))
    await sink.stop()
    kept = files(tmp_path)
    for name in (kept[0].name.replace("-", "-9", 1), kept[0].name + ".tmp"):
        (kept[0].parent / name).write_text("")
    (kept[0].parent / "notes.txt").write_text("mine")
    await sink.start()
    await sink.stop()
    assert files(tmp_path) == kept
    assert (kept[0].parent / "notes.txt").exists()


async def test_calls_out_of_turn_are_named(tmp_path: Path) -> None:
    sink = lake(tmp_path)
    with pytest.raises(StoreError, match="a lake that was started"):
        await sink.write(make_write([], 1, 1))
