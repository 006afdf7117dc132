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
from llm_obs_core.model import Span
from llm_obs_testing.memory import MemoryStore
from page_browser import WEB, Watched, chromium
from page_data import everything
from page_up import send, up
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
def traces() -> list[list[Span]]:
    """What is looked at."""
    return list(everything(time.time_ns()))


@pytest.fixture(scope="module")
def store(traces: list[list[Span]]) -> MemoryStore:
    """The traces in memory: for servers whose stores fail, and to count by."""
    filled = MemoryStore()
    for spans in traces:
        filled.add(spans, received_ns=time.time_ns())
    return filled


@pytest.fixture(scope="module")
def server(traces: list[list[Span]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real `llm-obs up` that was sent the traces and keeps them in its lake."""
    with up(tmp_path_factory.mktemp("up")) as addresses:
        send(addresses, (span for spans in traces for span in spans))
        yield f"http://{addresses['query']}"


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
