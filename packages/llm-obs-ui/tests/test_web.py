"""The page's own tests, and what a browser has to fetch for it."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest
from llm_obs_ui import static_dir

TOOL = Path(__file__).parents[1] / "tools" / "web.py"
MAX_SCRIPT_BYTES = 80 * 1024


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"])
def test_the_logic_of_the_page(zone: str) -> None:
    command = [sys.executable, str(TOOL), "test"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "TZ": zone})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout


def test_the_scripts_stay_small() -> None:
    scripts = list(static_dir().rglob("*.js"))
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in scripts) <= MAX_SCRIPT_BYTES
