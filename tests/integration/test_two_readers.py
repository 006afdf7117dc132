"""The same lake as two readers: refused with the repair, or one of them answers; its sums are never doubled."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from llm_obs_core import plugins
from llm_obs_core.config import load
from llm_obs_core.errors import ConfigError
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.sink import LakeSink
from llm_obs_query.server import QueryServer
from llm_obs_testing.parts import make_parts, make_write
from llm_obs_testing.spans import make_traces

TWICE = """
[readers.first]
type = "lake"
options = {{ path = "{lake}" }}
[readers.second]
type = "lake"
options = {{ path = "{lake}" }}
{more}
[query]
listen = "127.0.0.1:0"
page = false
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """With a lake that was written."""

    async def fill() -> None:
        sink = LakeSink(LakeOptions(path=str(tmp_path / "lake"), merge_interval_s=3600))
        await sink.start()
        await sink.write(make_write(make_parts(make_traces(20), 1)))
        await sink.stop()

    asyncio.run(fill())
    return tmp_path


def write(folder: Path, more: str = "") -> Path:
    file = folder / "c.toml"
    file.write_text(TWICE.format(lake=folder / "lake", more=more))
    return file


def traces(folder: Path, more: str) -> subprocess.CompletedProcess[str]:
    file = write(folder, more)
    command = [sys.executable, "-c", "from llm_obs.cli import main; main()", "traces", "--json", "--limit", "1000"]
    return subprocess.run([*command, "--config", str(file)], capture_output=True, text=True, check=False)


def test_the_command_is_refused_with_the_repair(folder: Path) -> None:
    ran = traces(folder, "")
    assert ran.returncode == 2
    assert "two readers of one origin, first and second" in ran.stderr
    assert "set readers.first.prefer = true" in ran.stderr


def test_the_server_does_not_start(folder: Path) -> None:
    server = QueryServer(load(write(folder)), plugins.load())
    with pytest.raises(ConfigError, match="two readers of one origin"):
        asyncio.run(server.start())


def test_the_preferred_one_answers(folder: Path) -> None:
    ran = traces(folder, "prefer = true")
    assert ran.returncode == 0, ran.stderr
    assert len(json.loads(ran.stdout)) == 20
