"""Lakes that older versions wrote (`stores/`): read as they were read then, before and after an upgrade, and fed on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import structlog
from lakes import DAY_NS, SCOPE, files, fill, live, look_after, options
from llm_obs_core.config import Server
from llm_obs_core.errors import StoreError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import SinkWrite, TraceQuery
from llm_obs_core.model import Position, Stream
from llm_obs_lake import catalog as catalogs
from llm_obs_lake.catalog import Catalog
from llm_obs_lake.ddl import FORMAT
from llm_obs_lake.folder import Folder
from llm_obs_lake.reader import LakeReader
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.versions import VERSION
from llm_obs_testing.parts import make_parts, make_write, position
from llm_obs_testing.spans import make_traces
from plain import everything

STORES = Path(__file__).parent / "stores"
NAMES = sorted(path.name for path in STORES.iterdir())


@pytest.fixture(params=NAMES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of a store, and what its own reader answered."""
    store = STORES / request.param
    shutil.copytree(store / "store", tmp_path / "lake")
    (tmp_path / "lake" / "leases").mkdir()
    return tmp_path / "lake", json.loads((store / "answers.json").read_text(encoding="utf-8"))


async def read(folder: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """What it answers now, without what newer versions may say beside that."""
    reader = LakeReader(options(folder))
    await reader.start()
    with structlog.testing.capture_logs() as said:
        found = {tenant: await everything(reader, tenant) for tenant in expected["tenants"]}
        page = await reader.find_traces(SCOPE, TraceQuery(), first=1)
    await reader.stop()
    assert said == []
    same: dict[str, Any] = within(
        {"tenants": found, "positions": expected["positions"], "fresh_to_ns": page.coverage.fresh_to_ns}, expected
    )
    return same


def within(found: Any, expected: Any) -> Any:
    """What was found, as far as it was expected; sums that are new are 0."""
    if isinstance(found, dict) and isinstance(expected, dict):
        assert not any(found[name] for name in found.keys() - expected.keys())
        return {name: within(found[name], value) for name, value in expected.items() if name in found}
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return [within(*pair) for pair in zip(found, expected, strict=True)]
    return found


def sink_of(folder: Path, writer: str) -> LakeSink:
    return LakeSink(options(folder), Hosts(Server(writer=writer))("sink", "lake"))


def format_of(folder: Path) -> int:
    db = sqlite3.connect(folder / "catalog.sqlite")
    ((number,),) = db.execute("PRAGMA user_version")
    db.close()
    return int(number)


async def test_it_is_read_as_it_is(old: tuple[Path, dict[str, Any]]) -> None:
    folder, expected = old
    before = files(folder)
    assert await read(folder, expected) == expected
    assert format_of(folder) == 1
    assert files(folder) == before
    assert {segment.schema for segment in live(folder)} == {1}


async def test_a_start_upgrades_the_tables(old: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, expected = old
    before = files(folder)
    for writer, sequence in expected["positions"].items():
        sink = sink_of(folder, writer)
        assert await sink.start() == Position(writer, 0, sequence)
        await sink.stop()
    assert format_of(folder) == FORMAT
    assert files(folder) == before
    assert await read(folder, expected) == expected
    await fill(tmp_path / "new", [])
    assert tables(folder) == tables(tmp_path / "new")


def tables(folder: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(folder / "catalog.sqlite")
    found = db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()
    return found


async def test_a_reader_goes_on_over_the_upgrade(old: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = old
    reader = LakeReader(options(folder))
    await reader.start()
    before = await everything(reader, "default")
    sink = sink_of(folder, "collector")
    await sink.start()
    assert await everything(reader, "default") == before
    await sink.write(make_write(make_parts(make_traces(1, first=500), 1)))
    assert len((await everything(reader, "default"))["traces"]) == len(before["traces"]) + 1
    await sink.stop()
    await reader.stop()


async def test_merges_upgrade_and_answer_the_same(old: tuple[Path, dict[str, Any]]) -> None:
    folder, expected = old
    done = look_after(folder, now_ns=3 * DAY_NS)
    assert (done.merged, done.kept) == (2, 0)
    assert await read(folder, expected) == expected
    assert {segment.schema for segment in live(folder)} == {1, VERSION}
    assert files(folder) == {segment.path for segment in live(folder)}


async def test_a_sink_goes_on_in_the_derived_stream(old: tuple[Path, dict[str, Any]]) -> None:
    """Its sequences may be the same as those of the accepted one; segments of the two are never merged into one."""
    folder, expected = old
    sink = sink_of(folder, "collector")
    await sink.start()
    new = make_traces(2, first=600)
    for sequence, piece in ((1, new[:3]), (2, new[3:])):
        parts = make_parts(piece, sequence, received_ns=2 * DAY_NS + 100)
        await sink.write(SinkWrite(parts, at(sequence), at(sequence)))
    await sink.write(SinkWrite((), at(3), at(4)))
    await sink.stop()
    other = sink_of(folder, "second")
    assert await other.start() == Position("second", 0, expected["positions"]["second"])
    await other.stop()
    for _ in range(2):
        assert await sink.start() == at(4)
        await sink.stop()
        reader = LakeReader(options(folder))
        await reader.start()
        page = await reader.find_traces(SCOPE, TraceQuery(), first=1000)
        assert page.coverage.fresh_to_ns == 2 * DAY_NS + 100
        assert {item.trace_id for item in page.traces} == {
            *(bytes.fromhex(item["listed"]["trace_id"]) for item in expected["tenants"]["default"]["traces"]),
            *(span.trace_id for span in new),
        }
        await reader.stop()
        look_after(folder, now_ns=3 * DAY_NS)
    ranges = {(item.writer, item.stream, item.first_sequence, item.last_sequence) for item in live(folder, "spans")}
    assert ranges == {
        ("collector", "accepted", 1, 1),  # of another tenant
        ("collector", "accepted", 1, 3),
        ("collector", "accepted", 4, 5),
        ("collector", "accepted", 5, 5),
        ("collector", "derived", 1, 2),
        ("second", "accepted", 3, 4),
    }


def at(sequence: int) -> Position:
    return Position("collector", 0, sequence, Stream.DERIVED)


async def test_an_upgrade_that_fails_changes_nothing(
    old: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, expected = old
    steps = catalogs.UPGRADE[1]
    for cut in [place for place, letter in enumerate(steps) if letter == ";"]:
        with monkeypatch.context() as patch:
            patch.setitem(catalogs.UPGRADE, 1, steps[: cut + 1] + "SELECT nothing_of_that_name;")
            sink = LakeSink(options(folder))
            with pytest.raises(StoreError, match=r"upgraded from format 1.*the catalog is as it was"):
                await sink.start()
            await sink.stop()
        assert format_of(folder) == 1
    assert await read(folder, expected) == expected


async def test_newer_segments_are_refused_and_left_alone(tmp_path: Path) -> None:
    await fill(tmp_path, [make_traces(2), make_traces(2, first=9)])
    reader = LakeReader(options(tmp_path))
    await reader.start()
    assert len((await reader.find_traces(SCOPE, TraceQuery(), first=9)).traces) == 4
    db = sqlite3.connect(tmp_path / "catalog.sqlite")
    db.execute("UPDATE segments SET schema = 99 WHERE first_sequence = 2")
    db.commit()
    db.close()
    before = files(tmp_path)
    expected = rf"segments of version 1 to {VERSION}, got version 99, such as default/.*start the version"
    with structlog.testing.capture_logs() as said:
        with pytest.raises(StoreError, match=expected):
            await reader.find_traces(SCOPE, TraceQuery(), first=9)
        await reader.stop()
        sink = LakeSink(options(tmp_path))
        with pytest.raises(StoreError, match=expected):
            await sink.start()
        await sink.stop()
        with pytest.raises(StoreError, match=expected):
            look_after(tmp_path)
    assert said == []
    assert files(tmp_path) == before


def test_every_segment_is_of_its_version(old: tuple[Path, dict[str, Any]]) -> None:
    """The frozen columns are those that were written."""
    from llm_obs_lake.damage import _inside

    folder, _ = old
    assert [_inside(Folder(folder).blobs, segment) for segment in live(folder)] == [""] * len(live(folder))


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    Catalog(tmp_path / "catalog.sqlite", write=True).close()
    db = sqlite3.connect(tmp_path / "catalog.sqlite")
    db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    db.close()
    for write in (True, False):
        with pytest.raises(StoreError, match=rf"a lake of format 1 to {FORMAT}, got format {FORMAT + 1}"):
            Catalog(tmp_path / "catalog.sqlite", write=write)
    assert position(1).stream is Stream.DERIVED
