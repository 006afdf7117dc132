"""The demo from start to summary: everything of `llm-obs up`, the imitation, the application, the store's answer."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Protocol

import msgspec
from llm_obs_core import config as settings
from llm_obs_core.errors import PluginError

from llm_obs.commands.up import Up, free_ports

__all__ = ["Demo", "Outcome", "Watcher"]

STORED_WITHIN_S: Final = 20.0
"""How long the store may take to hold what was acknowledged."""
SERVICE: Final = "velo"


class Watcher(Protocol):
    """Told how far the demo is."""

    def up(self, addresses: dict[str, str], provider: str, took_s: float) -> None:
        """Everything listens."""

    def tickets(self, count: int) -> None:
        """The application begins; so many tickets wait."""

    def ticket(self, well: bool) -> None:
        """One is done."""

    def delivered(self, spans: int) -> None:
        """The collector has acknowledged so many spans."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        report: What the store says.
        ledger: What the provider counted.
        attempts: HTTP requests of the application, retries included.
        spans: Spans that the collector acknowledged.
        addresses: What listens where.
        page: Address of the page.
        data_dir: Where everything is kept.
        environment: The deployment environment of this run.
        application_s: How long the application ran, seconds.
        elapsed_s: From the command to the summary, seconds.
    """

    report: Any
    ledger: dict[str, Any]
    attempts: int
    spans: int
    addresses: dict[str, str]
    page: str
    data_dir: str
    environment: str
    application_s: float
    elapsed_s: float


class Demo:
    """One run; an asynchronous context manager that ends everything it has started.

    Args:
        data_dir: Where everything is kept.
        began: `time.monotonic()` of the command's start.
    """

    def __init__(self, data_dir: str, began: float) -> None:
        self._data_dir = data_dir
        self._began = began
        # The demo is the same everywhere: neither a file nor variables of the place where it runs change it.
        overrides = {"server.data_dir": data_dir}
        loaded = settings.load(os.devnull, environ={}, overrides=overrides)
        loaded = settings.load(os.devnull, environ={}, overrides=overrides | free_ports(loaded))
        self._up = Up(loaded)
        self._config = loaded
        self._stack = ExitStack()

    async def __aenter__(self) -> Demo:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        await self._up.stop()

    async def run(self, watcher: Watcher) -> Outcome:
        """Starts, works, and asks the store.

        Raises:
            LlmObsError: A part cannot be started, or a plugin of the demo is not installed.
        """
        try:
            from llm_obs_testing.imitation import Imitation

            from llm_obs.demo.provider import answer
        except ImportError as error:
            raise PluginError(
                "llm-obs-testing and openai, which the demo runs on",
                got=f"{type(error).__name__}: {error}",
                fix="install llm-obs with the extra demo",
            ) from None
        await self._up.start()
        imitation = self._stack.enter_context(Imitation(answer, seed=17).running())
        addresses = self._up.addresses
        watcher.up(addresses, imitation.url, time.monotonic() - self._began)
        environment = f"demo-{time.strftime('%H%M%S')}"
        started = time.monotonic()
        spans = await _application(addresses["http"], imitation.url, environment, watcher)
        application_s = time.monotonic() - started
        watcher.delivered(spans)
        report = await self._read(environment, imitation.ledger)
        return Outcome(
            report=report,
            ledger=imitation.ledger.as_dict(),
            attempts=imitation.ledger.total().attempts,
            spans=spans,
            addresses=addresses,
            page=f"http://{addresses['query']}/",
            data_dir=self._data_dir,
            environment=environment,
            application_s=application_s,
            elapsed_s=time.monotonic() - self._began,
        )

    async def _read(self, environment: str, ledger: Any) -> Any:
        """The report, as soon as the store holds every call; what there is when it takes too long."""
        from llm_obs_core import plugins
        from llm_obs_query.configured import make_readers

        from llm_obs.demo.report import read
        from llm_obs.demo.tickets import make_tickets

        tickets = make_tickets()
        shown = frozenset(one.session for one in tickets if one.scene == "agent" and "card" in one.question)
        (reader, *_) = make_readers(plugins.load(), self._config).values()
        await reader.start()
        try:
            deadline = time.monotonic() + STORED_WITHIN_S
            while True:
                report = await read(reader, environment, ledger, shown)
                if report.total.calls >= ledger.total().calls or time.monotonic() > deadline:
                    return report
                await asyncio.sleep(0.1)
        finally:
            await reader.stop()


async def _application(collector: str, provider: str, environment: str, watcher: Watcher) -> int:
    """The application, in the event loop of the servers; returns how many spans were acknowledged."""
    import llm_obs_sdk

    from llm_obs.demo.shop import run_shop
    from llm_obs.demo.tickets import make_tickets

    tickets = make_tickets()
    watcher.tickets(len(tickets))
    llm_obs_sdk.init(
        SERVICE,
        endpoint=f"http://{collector}",
        api_key="",
        environment=environment,
        sample_rate=1.0,
        instrument=["openai"],
        # The imitation speaks for the provider whose API it imitates; a gateway of yours is named in the same way.
        instrument_options={"openai": {"providers": {"127.0.0.1": "openai"}}},
        capture_content=True,
        disabled=False,
        flush_interval_s=0.5,
    )
    try:
        await run_shop(provider, tickets, watcher.ticket)
        return (await asyncio.to_thread(llm_obs_sdk.flush, 10)).exported
    finally:
        await asyncio.to_thread(llm_obs_sdk.shutdown, 2)
