"""All sinks of one collector: made from the configuration, started, stopped, and the log trimmed after them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Log
from llm_obs_core.model import PayloadKind
from llm_obs_core.plugins import Plugins
from llm_obs_core.roles import SINK

from llm_obs_collector.assembly import Assembly
from llm_obs_collector.assembly.opened import OpenedCache
from llm_obs_collector.signals import RecordReader
from llm_obs_collector.sinks.delivery import WriteObserver
from llm_obs_collector.sinks.letters import DeadLetters
from llm_obs_collector.sinks.secret import TenantKeys
from llm_obs_collector.sinks.worker import SinkWorker

__all__ = ["Workers"]

TRIM_INTERVAL_S = 5.0
RETRY_S = 1.0


class Workers:
    """One worker a sink; none knows of another.

    Args:
        config: The whole configuration.
        installed: The plugins.
        log: The log that feeds them.
        records: Reads its records.
        assembly: What derives from it.
        cache: What assembly has scanned.
        hosts: Make the sinks' hosts; their clock is for waits.
        keys: The keys of tenants' digests.
        observe: Told of each write.

    Raises:
        PluginError: A sink is not installed.
        ConfigError: Its options do not fit, or it takes kinds that there are not.
    """

    def __init__(
        self,
        config: Config,
        installed: Plugins,
        log: Log,
        records: RecordReader,
        assembly: Assembly,
        cache: OpenedCache,
        hosts: Hosts,
        keys: TenantKeys,
        observe: WriteObserver = lambda *_: None,
    ) -> None:
        data_dir = Path(config.server.data_dir)
        self._log = log
        self._assembly = assembly
        self._cache = cache
        self._clock = hosts.clock
        self._keys = keys
        self._digesting = False
        self._beginning: asyncio.Task[None] | None = None
        self._trimming: asyncio.Task[None] | None = None
        self._say = structlog.get_logger("llm_obs.sinks")
        self.all: list[SinkWorker] = []
        for name, sink in build(SINK, installed, config, hosts):
            self._digesting |= PayloadKind.CONTENTS in sink.limits.kinds
            self.all.append(
                SinkWorker(
                    name,
                    config.server.writer,
                    sink,
                    log,
                    records,
                    config.sinks[name].worker,
                    DeadLetters(data_dir, name),
                    key_of=hosts("sink", name).tenant_key,
                    cache=cache,
                    derived_to=lambda: assembly.covered,
                    clock=hosts.clock,
                    observe=observe,
                    passed=self._forget,
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
        """Begins to derive, to feed the sinks, and to trim the log after them."""
        self._beginning = asyncio.get_running_loop().create_task(self._begin())
        self._trimming = asyncio.get_running_loop().create_task(self._trim())

    async def stop(self) -> None:
        """Derives from what was accepted, and lets each sink write what it can within its `drain_s`."""
        for task in (self._beginning, self._trimming):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._beginning = self._trimming = None
        await self._assembly.stop()
        await asyncio.gather(*(worker.stop() for worker in self.all))

    async def _begin(self) -> None:
        if self._assembly.is_new:  # the log may be an older version's, whose sinks measured by themselves
            unreached = [worker for worker in self.all if not worker.is_open and await self._had_cursor(worker)]
            if unreached:
                self._say.warning(
                    "nothing is stored until these sinks were reached once: what they hold decides where to go on",
                    sinks=[worker.name for worker in unreached],
                )
            await asyncio.gather(*(worker.reach() for worker in unreached))
        self._assembly.start([cut for worker in self.all if (cut := worker.cut) is not None])
        for worker in self.all:
            worker.start()

    async def _had_cursor(self, worker: SinkWorker) -> bool:
        while True:
            try:
                return await worker.had_cursor()
            except Exception as error:  # a log elsewhere may be away; nothing would ever begin without its answer
                self._say.warning("nothing is derived until the log answers", sink=worker.name, error=str(error))
                await self._clock.sleep(RETRY_S)

    def _forget(self) -> None:
        """Drops what every sink has from the cache; what a sink far behind has not is read again for it."""
        covered = [worker.covered for worker in self.all]
        known = [position for position in covered if position is not None]
        if len(known) == len(covered):
            self._cache.forget(min(known))

    async def _trim(self) -> None:
        while True:
            await self._clock.sleep(TRIM_INTERVAL_S)
            try:
                await self._log.trim()
            except Exception as error:  # such as a full disk: the next round tries again
                self._say.warning("the log could not be trimmed", error=str(error))
