"""The template: built, installed apart, found by llm-obs, and proved by its own contract test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from commands import COMMAND

TEMPLATE = Path(__file__).parents[2] / "plugins" / "_template"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("plugin")
    copy = folder / "copy"
    shutil.copytree(TEMPLATE, copy, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=copy, check=True, capture_output=True
    )
    (wheel,) = (copy / "dist").glob("*.whl")
    site = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return copy, {**os.environ, "PYTHONPATH": str(site)}


def test_llm_obs_finds_it(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    _, environ = installed
    done = subprocess.run(
        [*COMMAND, "plugins", "--json"], env=environ, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "jsonl" in json.dumps(json.loads(done.stdout))


def test_it_proves_itself_by_the_contract(installed: tuple[Path, dict[str, str]]) -> None:
    copy, environ = installed
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        env=environ,
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
