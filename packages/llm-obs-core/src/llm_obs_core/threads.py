"""Work in a thread that is over when whoever waits for it goes on, also when the wait is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *args: Any, pool: Executor | None = None) -> T:
    """Runs `work` in a thread and returns its result.

    A thread cannot be stopped. `asyncio.to_thread` leaves it alone when it is cancelled; this waits until it has ended,
    and raises CancelledError only then.

    Args:
        work: What to run.
        args: Its arguments.
        pool: Where; the loop's own pool when None.
    """
    future = asyncio.get_running_loop().run_in_executor(pool, partial(work, *args))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future])
        if not future.cancelled():
            future.exception()  # seen: it is not to be reported as never retrieved
        raise
