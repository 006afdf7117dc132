"""All sinks of one collector: made from the configuration, started, stopped, and the log trimmed behind them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Log
from llm_obs_core.plugins import Plugins
from llm_obs_core.roles import SINK

from llm_obs_collector.sinks.delivery import WriteObserver
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.secret import TenantKeys
from llm_obs_collector.sinks.worker import SinkWorker

__all__ = ["Workers"]

TRIM_INTERVAL_S = 5.0


class Workers:
    """One worker a sink; none knows of another.

    Args:
        config: The whole configuration.
        installed: The plugins.
        log: The log that feeds them.
        hosts: Make the sinks' hosts; their clock is for waits.
        keys: The keys of tenants' digests.
        observe: Told of each write.

    Raises:
        PluginError: A sink is not installed.
        ConfigError: Its options do not fit.
    """

    def __init__(
        self,
        config: Config,
        installed: Plugins,
        log: Log,
        hosts: Hosts,
        keys: TenantKeys,
        observe: WriteObserver = lambda *_: None,
    ) -> None:
        data_dir = Path(config.server.data_dir)
        self._log = log
        self._clock = hosts.clock
        self._keys = keys
        self._digesting = False
        self._trimming: asyncio.Task[None] | None = None
        self._say = structlog.get_logger("llm_obs.sinks")
        self.all: list[SinkWorker] = []
        for name, sink in build(SINK, installed, config, hosts):
            self._digesting |= sink.limits.contents
            self.all.append(
                SinkWorker(
                    name,
                    config.server.writer,
                    sink,
                    log,
                    config.sinks[name].worker,
                    DeadLetters(data_dir, name),
                    key_of=hosts("sink", name).tenant_key,
                    clock=hosts.clock,
                    observe=observe,
                )
            )

    async def open(self) -> None:
        """Registers every sink with the log and tries to start each once.

        Raises:
            LlmObsError: One of them cannot be used as it is configured.
        """
        if self._digesting:
            await asyncio.to_thread(self._keys.open)
        await asyncio.gather(*(worker.open() for worker in self.all))

    def start(self) -> None:
        """Begins to feed them, and to trim the log behind them."""
        for worker in self.all:
            worker.start()
        self._trimming = asyncio.get_running_loop().create_task(self._trim())

    async def stop(self) -> None:
        """Lets each write what it can within its `drain_s`. May be called twice."""
        if self._trimming is not None:
            self._trimming.cancel()
            await asyncio.wait([self._trimming])
            self._trimming = None
        await asyncio.gather(*(worker.stop() for worker in self.all))

    async def _trim(self) -> None:
        while True:
            await self._clock.sleep(TRIM_INTERVAL_S)
            try:
                await self._log.trim()
            except Exception as error:  # such as a full disk: the next round tries again
                self._say.warning("the log could not be trimmed", error=str(error))
