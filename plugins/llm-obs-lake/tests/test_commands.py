"""`llm-obs lake`: what it prints, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from lakes import DAY_NS, cut, fill, live
from llm_obs_core import plugins
from llm_obs_core.errors import ConfigError, StoreError
from llm_obs_core.host import Hosts
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.spans import make_traces


def run(*arguments: str, data: Path) -> Result:
    command = plugins.load().get("command", "lake").make(None, Hosts()("command", "lake"))
    assert isinstance(command, click.Command)
    done = CliRunner().invoke(command, [*arguments, "--data-dir", str(data)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_segments_are_listed_and_merged(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "lake", cut(make_traces(30), 3), received_ns=DAY_NS))
    listed = run("segments", data=tmp_path).stdout.splitlines()
    assert listed[0].split() == ["tenant", "arrived", "spans", "MB", "positions", "tier"]
    assert [line.split()[:3] for line in listed[1:]] == [["default", "1970-01-02", "00:00"]] * 3
    rows = json.loads(run("segments", "--json", data=tmp_path).stdout)
    assert [(row["firstSequence"], row["lastSequence"]) for row in rows] == [("1", "1"), ("2", "2"), ("3", "3")]
    assert {file["path"] for row in rows for file in row["files"].values()} == {
        segment.path for segment in live(tmp_path / "lake")
    }
    assert json.loads(run("merge", "--json", data=tmp_path).stdout) == {
        "merged": 3,
        "dropped": 0,
        "removed": 12,
        "kept": 0,
    }
    assert len(run("segments", data=tmp_path).stdout.splitlines()) == 2
    assert run("merge", data=tmp_path).stdout == "0 segments were merged into others, 0 files removed\n"


def test_an_empty_lake_has_no_segments(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "lake", []))
    assert run("segments", data=tmp_path).stdout == "no segments\n"
    assert json.loads(run("segments", "--json", data=tmp_path).stdout) == []


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for command in ("segments", "merge"):
        with pytest.raises(StoreError, match=r"a lake, got none.*correct --data-dir"):
            run(command, data=tmp_path)
        with pytest.raises(ConfigError, match=r"a lake out of: lake, got 'pond'.*correct --sink"):
            run(command, "--sink", "pond", data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_is_written_is_listed_but_not_merged(tmp_path: Path) -> None:
    async def work() -> None:
        sink = LakeSink(LakeOptions(path=str(tmp_path / "lake")))
        await sink.start()
        try:
            assert await asyncio.to_thread(lambda: run("segments", data=tmp_path).stdout) == "no segments\n"
            with pytest.raises(StoreError, match=r"no other process writes"):
                await asyncio.to_thread(run, "merge", data=tmp_path)
        finally:
            await sink.stop()

    asyncio.run(work())
