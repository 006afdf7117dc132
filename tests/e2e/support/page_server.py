"""The real query server with the built page, over a store in memory, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asking import config, installed
from llm_obs_core.interfaces import Reader
from llm_obs_query.server import QueryServer


@contextmanager
def serving(*readers: Reader, keys: bool = False, **settings: Any) -> Iterator[str]:
    """The server's address while it runs; `settings` are of [query], the keys those of `asking.KEYS`."""
    named = {f"memory{number or ''}": reader for number, reader in enumerate(readers)}
    started = threading.Event()
    address: list[str] = []
    ending: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        server = QueryServer(config(named, {"page": True, **settings}, keys), installed(named))
        await server.start()
        end = asyncio.Event()
        address.append(f"http://{server.address}")
        ending.append((asyncio.get_running_loop(), end))
        started.set()
        try:
            await end.wait()
        finally:
            await server.stop()

    def main() -> None:
        try:
            asyncio.run(run())
        finally:
            started.set()

    thread = threading.Thread(target=main)
    thread.start()
    started.wait(30)
    try:
        yield address[0]
    finally:
        for loop, end in ending:
            loop.call_soon_threadsafe(end.set)
        thread.join(30)
