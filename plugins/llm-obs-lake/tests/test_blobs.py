"""The lake over another store of blobs: written, read back for merges, listed, deleted, with faults."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lakes import DAY_NS, cut, options
from llm_obs_core.errors import RetryableError
from llm_obs_lake.blobs import BlobStat, BlobStore, LocalBlobs, RangeFile
from llm_obs_lake.catalog import Catalog, Segment
from llm_obs_lake.damage import Damage, UnreadableError
from llm_obs_lake.decoded import SUMS, decode
from llm_obs_lake.folder import Folder
from llm_obs_lake.sink import LakeSink
from llm_obs_lake.upkeep import Round, Upkeep
from llm_obs_testing.parts import make_parts, make_write, position
from llm_obs_testing.spans import make_traces


class MemoryBlobs:
    """As object storage is: no folders, no renames, bytes by ranges; counts calls and fails when told to."""

    def __init__(self, scratch: Path) -> None:
        self.blobs: dict[str, bytes] = {}
        self.marks: dict[str, str] = {}
        self.calls: list[str] = []
        self.failing = ""
        self._scratch = scratch
        scratch.mkdir()

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.failing:
            raise OSError(5, "the network is away")

    def begin(self, name: str) -> Path:
        self._call("begin")
        path = self._scratch / secrets.token_hex(8)
        path.touch()
        return path

    def put(self, files: Sequence[tuple[Path, str]]) -> None:
        for path, name in files:
            self._call("put")
            self.blobs[name], self.marks[name] = path.read_bytes(), secrets.token_hex(4)
            path.unlink()

    def stat(self, name: str) -> BlobStat:
        self._call("stat")
        if name not in self.blobs:
            raise FileNotFoundError(2, "No such blob", name)
        return BlobStat(len(self.blobs[name]), self.marks[name])

    def get_range(self, name: str, start: int, size: int) -> bytes:
        self._call("get_range")
        return self.blobs[name][start : start + size]

    def open(self, name: str) -> pa.NativeFile:
        return pa.PythonFile(RangeFile(self, name), "r")

    def list(self) -> Iterator[str]:
        self._call("list")
        return iter(list(self.blobs))

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._call("delete")
            self.blobs.pop(name, None)

    def locate(self, name: str) -> str:
        return f"memory://{name}"


@pytest.fixture
def memory(tmp_path: Path) -> MemoryBlobs:
    return MemoryBlobs(tmp_path / "scratch")


@pytest.fixture
def folder(tmp_path: Path, memory: MemoryBlobs) -> Folder:
    return Folder(tmp_path / "lake", memory)


def live(folder: Folder) -> list[Segment]:
    catalog = Catalog(folder.catalog, write=False)
    try:
        return catalog.snapshot().segments
    finally:
        catalog.close()


def look_after(folder: Folder, now_ns: int = DAY_NS) -> Round:
    upkeep = Upkeep(folder, options(folder.path), now_ns=lambda: now_ns)
    try:
        return upkeep.round()
    finally:
        upkeep.close()


def requests(folder: Folder) -> int:
    found = 0
    for segment in live(folder):
        if segment.kind == "measures":
            values = decode(folder.blobs, segment, SUMS)["requests"]
            found += sum(int(part.sum()) for part in values if part is not None)  # type: ignore[union-attr]
    return found


async def test_written_merged_and_cleaned_up(folder: Folder, memory: MemoryBlobs) -> None:
    sink = LakeSink(options(folder.path), folder=folder)
    await sink.start()
    spans = make_traces(30)
    for number, given in enumerate(cut(spans, 8), 1):
        await sink.write(make_write(make_parts(given, number, received_ns=DAY_NS)))
    await sink.stop()
    before = requests(folder)
    assert before > 0
    assert set(memory.blobs) == {segment.path for segment in live(folder)}
    assert look_after(folder) == Round(merged=8, dropped=0, removed=32, kept=0)
    assert set(memory.blobs) == {segment.path for segment in live(folder)}
    assert requests(folder) == before
    (path,) = [segment.path for segment in live(folder) if segment.kind == "spans"]
    with memory.open(path) as source:
        assert len(pq.read_table(source)) == len(spans)
    assert list((folder.path / "segments").iterdir()) == []


async def test_what_is_not_named_is_deleted_at_a_start(folder: Folder, memory: MemoryBlobs) -> None:
    sink = LakeSink(options(folder.path), folder=folder)
    await sink.start()
    await sink.write(make_write(make_parts(make_traces(2), 1)))
    await sink.stop()
    kept = set(memory.blobs)
    orphan = next(iter(kept))[:-16] + "00000000.parquet"
    memory.blobs |= {orphan: b"", "default/notes.txt": b"mine"}
    await sink.start()
    await sink.stop()
    assert set(memory.blobs) == kept | {"default/notes.txt"}


@pytest.mark.parametrize("failing", ["begin", "put"])
async def test_a_store_that_is_away_is_tried_again(folder: Folder, memory: MemoryBlobs, failing: str) -> None:
    sink = LakeSink(options(folder.path), folder=folder)
    await sink.start()
    write = make_write(make_parts(make_traces(5), 1))
    memory.failing = failing
    with pytest.raises(RetryableError, match="the network is away"):
        await sink.write(write)
    assert memory.blobs == {}
    memory.failing = ""
    await sink.write(write)
    await sink.stop()
    assert await sink.start() == position(1)
    await sink.stop()
    assert set(memory.blobs) == {segment.path for segment in live(folder)}


async def test_upkeep_ends_where_the_store_is_away(folder: Folder, memory: MemoryBlobs) -> None:
    sink = LakeSink(options(folder.path), folder=folder)
    await sink.start()
    for number, given in enumerate(cut(make_traces(20), 8), 1):
        await sink.write(make_write(make_parts(given, number, received_ns=DAY_NS)))
    await sink.stop()
    before, kept = live(folder), dict(memory.blobs)
    memory.failing = "put"
    with pytest.raises(RetryableError, match="the network is away"):
        look_after(folder)
    assert (live(folder), memory.blobs) == (before, kept)
    memory.failing = "delete"
    with pytest.raises(RetryableError, match="the network is away"):
        look_after(folder)
    assert kept.items() <= memory.blobs.items()
    memory.failing = ""
    assert look_after(folder).removed == 32
    assert set(memory.blobs) == {segment.path for segment in live(folder)}


async def test_damage_is_found_and_goes_when_it_is_brought_back(folder: Folder, memory: MemoryBlobs) -> None:
    sink = LakeSink(options(folder.path), folder=folder)
    await sink.start()
    await sink.write(make_write(make_parts(make_traces(5), 1)))
    await sink.stop()
    (segment,) = [item for item in live(folder) if item.kind == "measures"]
    damage, kept = Damage(memory), memory.blobs.pop(segment.path)
    with pytest.raises(UnreadableError) as error:
        decode(memory, segment, ["requests"])
    assert damage.find(error.value, live(folder))
    assert damage.names() == {segment.path}
    memory.blobs[segment.path] = kept
    memory.marks[segment.path] = "another"
    assert damage.names() == frozenset()


def test_local_files(tmp_path: Path) -> None:
    """Durable, of this user only, never through a link; the same by ranges as whole."""
    blobs: BlobStore = LocalBlobs(tmp_path)
    path = blobs.begin("default/a")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.write_bytes(bytes(range(100)))
    assert list(blobs.list()) == ["default/a.tmp"]
    blobs.put([(path, "default/a")])
    assert list(blobs.list()) == ["default/a"]
    assert blobs.get_range("default/a", 90, 50) == bytes(range(90, 100))
    with blobs.open("default/a") as whole:
        assert whole.read() == RangeFile(blobs, "default/a").read() == bytes(range(100))
    mark = blobs.stat("default/a")
    assert mark.size_bytes == 100
    os.symlink("/dev/null", tmp_path / "default" / "b.tmp")
    with pytest.raises(FileExistsError):
        blobs.begin("default/b")
    blobs.delete(["default/a", "default/a"])
    with pytest.raises(FileNotFoundError):
        blobs.stat("default/a")
    again = blobs.begin("default/a")
    blobs.put([(again, "default/a")])
    assert blobs.stat("default/a") != mark


def test_files_are_synced_before_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def synced(fd: int) -> None:
        done.append("sync " + os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), tmp_path))
        fsync(fd)

    def renamed(path: Path, target: Path) -> Path:
        done.append(f"name {target.name}")
        return rename(path, target)

    blobs = LocalBlobs(tmp_path)
    files = [(blobs.begin(name), name) for name in ("x/a", "x/b", "y/c")]
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    blobs.put(files)
    steps = [f"{step} {name}" for name in ("x/a", "x/b", "y/c") for step in ("sync", "name")]
    assert done == [step + ".tmp" if step.startswith("sync") else f"name {step[-1]}" for step in steps] + [
        "sync x",
        "sync y",
        "sync .",
    ]


def test_a_range_file_is_a_file(memory: MemoryBlobs) -> None:
    memory.blobs["a"], memory.marks["a"] = bytes(range(50)), ""
    file = RangeFile(memory, "a")
    assert (file.seek(-5, 2), file.read(3), file.tell(), file.read(), file.read()) == (
        45,
        bytes([45, 46, 47]),
        48,
        bytes([48, 49]),
        b"",
    )
    assert file.seek(10) == 10
    assert file.seek(2, 1) == 12
    assert file.read(1) == bytes([12])
    assert asyncio.iscoroutinefunction(file.read) is False
