"""`llm-obs demo`: everything at work, with a small application and an imitation of a provider."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any, Final

import click

__all__ = ["demo"]

INTERRUPTED: Final = 130


@click.command()
@click.option("--data-dir", help="Folder of what is kept; a temporary one, removed at the end, when not given.")
@click.option("--exit", "leave", is_flag=True, help="End after the summary instead of staying up until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON document, and nothing else.")
def demo(data_dir: str | None, leave: bool, as_json: bool) -> None:
    """See it work in a minute, with an application of its own.

    Starts everything, runs the application, and shows what was recorded.

    The application is a help desk that uses the real openai client and asks an imitation of the OpenAI API on this
    machine: no key is needed and nothing leaves it.
    """
    import uvloop

    began = time.monotonic()
    with ExitStack() as stack:
        folder = data_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="llm-obs-demo-"))
        _quiet_logs()
        finished = uvloop.run(_until_interrupted(_demo(folder, began, leave, as_json)))
    if not finished:
        sys.exit(INTERRUPTED)


async def _demo(folder: str, began: float, leave: bool, as_json: bool) -> None:
    from rich.console import Console

    from llm_obs.demo.progress import Quiet, Shown
    from llm_obs.demo.run import Demo

    console = Console(highlight=False)
    async with Demo(folder, began) as run:
        if as_json:
            outcome = await run.run(Quiet())
            import msgspec

            click.echo(msgspec.json.format(msgspec.json.encode(outcome), indent=2))
        else:
            with Shown(console) as watcher:
                outcome = await run.run(watcher)
            from llm_obs.demo.screen import show

            show(console, outcome, stays=not leave)
        if leave:
            return
        if not as_json:
            console.print("[bright_black]  It stays up until Ctrl-C.")
        await asyncio.Event().wait()


async def _until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Runs it to its end, or until SIGINT or SIGTERM; whether it came to its end. A second signal ends at once."""
    task = asyncio.ensure_future(work)

    def end() -> None:
        if not task.cancelling():
            task.cancel()
        else:
            os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True


def _quiet_logs() -> None:
    """The collector's log shares the screen with the summary: warnings only."""
    import logging

    import structlog

    from llm_obs.serving import configure_logs

    configure_logs()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
