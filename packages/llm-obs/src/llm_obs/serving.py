"""What the commands that serve share: their log on the error stream, their end, and the note of where they listen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

__all__ = ["Running", "configure_logs", "forget_running", "note_running", "read_running", "serve"]

NOTE: Final = "running.json"
EXIT_INTERRUPTED: Final = 130
KEPT_BYTES: Final = 64 * 1024 * 1024
M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3


class Running(msgspec.Struct, frozen=True):
    """The process that has a data folder open: its number, and what listens where (`http`, `grpc`, `query`)."""

    pid: int
    addresses: dict[str, str]


def configure_logs() -> None:
    """Structlog onto the error stream: a line an event, without the values of variables, which may be prompts."""
    import structlog

    renderer: Any = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if sys.stderr.isatty() else [structlog.processors.format_exc_info]),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def keep_freed_memory() -> None:
    """Lets the C library keep what a request has freed for the next one.

    By default it gives a request's buffers back to the system and takes them again page by page, which is kernel time
    of every request (`python -m benchmarks.peers` prints it). Kept are at most `KEPT_BYTES` an arena.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's; others have none
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def serve(
    start: Callable[[], Awaitable[Callable[[], None]]], stop: Callable[[], Awaitable[None]], *, hurry_s: float = 30.0
) -> None:
    """Runs until SIGINT or SIGTERM.

    Args:
        start: Starts everything and returns what says so once it is up.
        stop: Ends everything; called in every case.
        hurry_s: A stop that takes longer is cut off; so is it by a second signal. What was acknowledged is on disk.
    """
    import uvloop

    configure_logs()
    keep_freed_memory()

    async def run() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()

        def end() -> None:
            if ended.is_set():
                os._exit(EXIT_INTERRUPTED)
            ended.set()
            loop.call_later(hurry_s, os._exit, EXIT_INTERRUPTED)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end)
        try:
            announce = await start()
            announce()
            await ended.wait()
        finally:
            await stop()

    uvloop.run(run())


def note_running(data_dir: str, addresses: dict[str, str]) -> None:
    """Writes down where this process listens, for the commands that ask it."""
    path = Path(data_dir) / NOTE
    temporary = path.with_suffix(".tmp")
    try:
        temporary.write_bytes(msgspec.json.encode(Running(os.getpid(), addresses)))
        temporary.rename(path)
    except OSError as error:  # the commands then need --url; nothing else does
        import structlog

        structlog.get_logger("llm_obs").warning("the address could not be noted", file=str(path), error=str(error))


def forget_running(data_dir: str) -> None:
    """Takes the note away again, if it is this process's."""
    if (noted := read_running(data_dir)) is not None and noted.pid == os.getpid():
        with suppress(OSError):
            (Path(data_dir) / NOTE).unlink()


def read_running(data_dir: str) -> Running | None:
    """The process that has a data folder open, None when there is none."""
    try:
        noted = msgspec.json.decode((Path(data_dir) / NOTE).read_bytes(), type=Running)
        os.kill(noted.pid, 0)
    except (OSError, OverflowError, msgspec.MsgspecError):
        return None
    return noted
