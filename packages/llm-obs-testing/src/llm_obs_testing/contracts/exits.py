"""The ways in which a program leaves a stream, and the outcomes that each may be recorded with."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, Final

from llm_obs_testing.contracts.garbage import collect

__all__ = ["EXITS", "leave"]

EXITS: Final[dict[str, frozenset[str]]] = {
    "read": frozenset({"completed"}),
    "closed": frozenset({"closed"}),
    "block left": frozenset({"closed"}),
    "dropped": frozenset({"abandoned"}),
    "dropped unread": frozenset({"abandoned"}),
    "consumer raised": frozenset({"abandoned", "closed"}),
    "cancelled": frozenset({"cancelled"}),
}

GENERATOR_EXITS: Final = {**EXITS, "closed": frozenset({"abandoned", "closed"})}
"""Of a stream that is a bare generator: Python tells it of a close as it tells it that nobody holds it any more."""

NO_BLOCK: Final = "block left"
"""The way that a bare generator does not have."""

CLOSED_WITHIN_S: Final = 10.0


async def leave(exit: str, stream: Any) -> frozenset[str]:
    """Leaves a stream, or an awaitable of one, in one way: the outcomes that fit; none when it has no such way."""
    if inspect.isawaitable(stream):
        stream = await stream
    bare = inspect.isgenerator(stream) or inspect.isasyncgen(stream)
    if bare and exit in (NO_BLOCK, "dropped unread"):  # nothing is asked before the first step
        return frozenset()
    if hasattr(stream, "__aiter__"):
        await _leave_async(exit, stream)
    elif exit == "cancelled":
        return frozenset()
    else:
        _leave_sync(exit, stream)
    del stream
    for _ in range(3):  # the loop closes dropped asynchronous generators in tasks of its own
        collect()
        await asyncio.sleep(0)
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=CLOSED_WITHIN_S)
    return (GENERATOR_EXITS if bare else EXITS)[exit]


def _leave_sync(exit: str, stream: Any) -> None:
    if exit == "read":
        for _ in stream:
            pass
    elif exit == "closed":
        next(iter(stream))
        stream.close()
    elif exit == "block left":
        with stream:
            next(iter(stream))
    elif exit == "dropped":
        next(iter(stream))
    elif exit == "consumer raised":
        try:
            for _ in stream:
                raise LookupError
        except LookupError:
            pass


async def _leave_async(exit: str, stream: Any) -> None:
    if exit == "read":
        async for _ in stream:
            pass
    elif exit == "closed":
        await anext(aiter(stream))
        await (stream.close() if hasattr(stream, "close") else stream.aclose())
    elif exit == "block left":
        async with stream:
            await anext(aiter(stream))
    elif exit == "dropped":
        await anext(aiter(stream))
    elif exit == "consumer raised":
        try:
            async for _ in stream:
                raise LookupError
        except LookupError:
            pass
    elif exit == "cancelled":
        await _cancel(stream)


async def _cancel(stream: Any) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in stream:
            begun.set()

    task = asyncio.ensure_future(read())
    await begun.wait()
    await asyncio.sleep(0.01)  # into the wait for the second item
    task.cancel()
    await asyncio.wait([task])
