"""The configured readers for commands that look: beside a running collector, or without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from llm_obs_core import plugins
from llm_obs_core.config import Config
from llm_obs_core.interfaces import Coverage, Scope

from llm_obs.options import config_option, data_option, loaded

if TYPE_CHECKING:
    from llm_obs_query.readers import Failures, Readers

__all__ = ["Asking", "pages", "read", "reading_options"]

PAGE_ROWS: Final = 1_000

T = TypeVar("T")


class Asking:
    """Open readers, and what may be seen through them.

    Attributes:
        readers: Every reader as one.
        scope: The tenants asked for, content as asked for.
        failed: Readers that did not answer, when others did.
        damaged: Parts of stores that cannot be read.
    """

    def __init__(self, readers: Readers, scope: Scope) -> None:
        self.readers = readers
        self.scope = scope
        self.failed: Failures = []
        self.damaged: dict[str, None] = {}

    def note(self, coverage: Coverage) -> None:
        """Remembers what an answer lacks."""
        self.damaged |= dict.fromkeys(coverage.damaged)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads: which configuration, which data, whose."""
    for option in (
        click.option("--tenant", "tenants", multiple=True, help="Of this tenant; all configured ones when not given."),
        data_option("The data folder"),
        config_option,
    ):
        command = option(command)
    return command


def read(
    path: str | None,
    data_dir: str | None,
    tenants: tuple[str, ...],
    ask: Callable[[Asking], Awaitable[T]],
    *,
    content: bool = False,
) -> T:
    """Opens the readers, asks, and closes them.

    Args:
        path: The TOML file, or None.
        data_dir: Instead of `server.data_dir`, or None.
        tenants: Whose data; those of the configuration when empty.
        ask: What to ask.
        content: Whether prompts and answers are wanted.

    Raises:
        LlmObsError: The configuration or a store cannot be used, or no reader answered.
    """
    config = loaded(path, data_dir)
    seen = tenants or tuple(sorted({"default", *(key.tenant for key in config.auth.keys)}))

    async def run() -> T:
        async with _opened(config, Scope(seen, content)) as asking:
            answer = await ask(asking)
            for failure in asking.failed:
                click.echo(f"warning: {failure}", err=True)
            for name in asking.damaged:
                click.echo(f"warning: {name} cannot be read: what it holds is missing here", err=True)
            return answer

    return asyncio.run(run())


async def pages(asking: Asking, find: Callable[..., Awaitable[Any]], rows: str, limit: int) -> list[Any]:
    """The first rows of a list, page by page.

    Args:
        asking: Who is asked.
        find: A method of the readers, with scope and query given.
        rows: The name of the rows in a page.
        limit: How many.
    """
    found: list[Any] = []
    after: Any = None
    while len(found) < limit:
        first = min(limit - len(found), PAGE_ROWS)
        page = await find(first=first, after=after, failed=asking.failed)
        found += getattr(page, rows)
        asking.note(page.coverage)
        after = page.next
        if after is None:
            break
    return found


@asynccontextmanager
async def _opened(config: Config, scope: Scope) -> AsyncIterator[Asking]:
    from llm_obs_query.configured import make_readers
    from llm_obs_query.readers import Readers, settings_of

    from llm_obs.serving import configure_logs

    configure_logs()
    readers = Readers(
        make_readers(plugins.load(), config),
        config.query.timeout_s,
        settings=settings_of(config),
        max_rows=config.query.max_rows,
    )
    await readers.start()
    try:
        yield Asking(readers, scope)
    finally:
        await readers.stop()
