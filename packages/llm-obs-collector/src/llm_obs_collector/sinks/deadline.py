"""A deadline for what a sink does: it is cancelled and counts as failed, but nothing goes on until it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from llm_obs_core.errors import RetryableError

__all__ = ["ended", "within"]

T = TypeVar("T")


async def ended(task: asyncio.Task[Any]) -> None:
    """Returns when a task has ended, however; who is cancelled meanwhile cancels it and still sees its end."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise


async def within(
    seconds: float, work: Coroutine[Any, Any, T], what: str, sink: str, late: Callable[[RetryableError], None]
) -> T:
    """The result of a sink's work; returns or raises only when the work has ended, so that it never runs twice at once.

    Args:
        seconds: Longest time for it.
        work: What the sink does.
        what: Its name, for the error.
        sink: The sink's name, for the error.
        late: Told at the deadline, with the error that will be raised when the work lets itself be cancelled.

    Raises:
        RetryableError: It took longer and was cut off.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return task.result()
        overdue = RetryableError(
            f"{what} within {seconds:g} s",
            got="none yet; it is cut off, and tried again once it has ended",
            where=f"sinks.{sink}.worker.timeout_s",
            fix="see why the store hangs, or raise the limit",
        )
        late(overdue)
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            raise overdue
        return task.result()
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: whoever cancelled does not want it
        raise
