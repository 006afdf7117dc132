"""A browser and a filled server, once for all tests of the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llm_obs_testing.memory import MemoryReader, MemoryStore
from page_browser import WEB, Watched, chromium
from page_data import fill
from page_server import serving
from playwright.sync_api import Browser

Open = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not shutil.which("chromium"):
        pytest.skip("chromium is not installed: apt-get install chromium")
    subprocess.run([sys.executable, str(WEB.parent / "tools" / "web.py"), "install"], check=True)
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    filled = MemoryStore()
    fill(filled, time.time_ns())
    return filled


@pytest.fixture(scope="module")
def server(store: MemoryStore) -> Iterator[str]:
    with serving(MemoryReader(store)) as address:
        yield address


@pytest.fixture
def look(browser: Browser, server: str, request: pytest.FixtureRequest) -> Iterator[Open]:
    """`look("/traces", color_scheme="dark")` opens a view; afterwards nothing may have been complained of or asked
    of another host. With LLM_OBS_SCREENSHOTS a picture of each page is left in that folder."""
    opened: list[Watched] = []
    folder = os.environ.get("LLM_OBS_SCREENSHOTS")
    name = request.node.name.replace("/", "_")

    def start(path: str, *, base: str = server, **options: Any) -> Watched:
        picture = f"{folder}/{name}-{len(opened)}.png" if folder else ""
        watched = Watched(browser, base, picture, **options)
        opened.append(watched)
        watched.open(path)
        return watched

    yield start
    for watched in opened:
        watched.close()
    for watched in opened:
        assert watched.complaints == []
        assert watched.elsewhere == []
