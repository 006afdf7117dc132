"""The collector as one thing: configuration in, receivers listening, the log between them and the sinks."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import structlog
from llm_obs_core import plugins
from llm_obs_core.auth import Authorizer
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Logger
from llm_obs_core.model import Stream
from llm_obs_core.roles import LOG, RECEIVER, SCRUBBER
from llm_obs_core_ext.dedup import DedupIndex
from prometheus_client import CollectorRegistry

from llm_obs_collector.assembly import Assembly
from llm_obs_collector.assembly.opened import OpenedCache
from llm_obs_collector.budget import Budget
from llm_obs_collector.component_metrics import ComponentMetrics
from llm_obs_collector.pages import Pages
from llm_obs_collector.pipeline import Meaning, Pipeline
from llm_obs_collector.receivers.host import ReceiverHost
from llm_obs_collector.scrub import Scanner
from llm_obs_collector.signals import RecordReader, builtin
from llm_obs_collector.sinks import Workers
from llm_obs_collector.sinks.secret import TenantKeys
from llm_obs_collector.telemetry import SelfMetrics

__all__ = ["Collector"]

OPENED_BYTES: Final = 128 * 1024 * 1024
"""Payload of scanned records that wait for the sinks in memory: a second and more of 100,000 spans a second."""

DEDUP_BYTES: Final = 64 * 1024 * 1024
"""Memory of the spans whose duplicates are recognised: the newest 2.7 million."""


class Collector:
    """Log, pipeline, receivers and sink workers of one configuration.

    Args:
        config: The whole configuration.
        installed: The plugins; those that are installed when None.

    Raises:
        ConfigError: A part of it cannot be used; raised before anything is opened.
        PluginError: A component is not installed.
    """

    def __init__(self, config: Config, installed: plugins.Plugins | None = None) -> None:
        if config.receiver.max_in_flight_bytes < config.receiver.max_request_bytes:
            raise ConfigError(
                f"at least receiver.max_request_bytes, {config.receiver.max_request_bytes}",
                got=str(config.receiver.max_in_flight_bytes),
                where="receiver.max_in_flight_bytes",
                fix="raise it, or lower receiver.max_request_bytes",
            )
        installed = installed or plugins.load()
        registry = CollectorRegistry()
        keys = TenantKeys(Path(config.server.data_dir))
        hosts = Hosts(config.server, _logger, ComponentMetrics(registry).of, key_of=keys.of)
        scrubbers = build(SCRUBBER, installed, config, hosts)
        ((_, self.log),) = build(LOG, installed, config, hosts)
        budget = Budget(config.receiver.max_in_flight_bytes)
        self.telemetry = SelfMetrics(self.log, budget, registry)
        scanner = Scanner([scrubber.rules() for _, scrubber in scrubbers])
        signals = builtin(scanner, config.receiver, Meaning.configured(installed, config, hosts))
        records = RecordReader(signals)
        cache = OpenedCache(OPENED_BYTES)
        self._assembly = Assembly(
            self.log, records, lambda: DedupIndex(DEDUP_BYTES), cache, observe=self.telemetry.derived, clock=hosts.clock
        )
        self.sinks = Workers(
            config, installed, self.log, records, self._assembly, cache, hosts, keys, self.telemetry.write
        )
        self.telemetry.watch(self._assembly, {worker.name: worker for worker in self.sinks.all})
        self.pages = Pages(self.log, self.sinks, self.telemetry)
        writer = self.log.writer(Stream.ACCEPTED)
        self._pipeline = Pipeline(writer, signals, budget, self.telemetry.accepted)
        authorizer, limit, pages = Authorizer(config.auth.keys), config.receiver.max_request_bytes, self.pages.routes()

        def receiver_host(role: str, name: str) -> ReceiverHost:
            return ReceiverHost(hosts(role, name), authorizer, budget, limit, pages, self.telemetry.request, signals)

        self._receivers = dict(build(RECEIVER, installed, config, receiver_host))

    @property
    def addresses(self) -> dict[str, str]:
        """Receiver to `host:port`, once started."""
        return {name: receiver.address for name, receiver in self._receivers.items()}

    async def start(self) -> None:
        """Opens the log and the sinks, then listens. When a part fails, what was opened is closed again."""
        await self.log.start()
        try:
            await self._assembly.open()
            await self.sinks.open()
            self.sinks.start()
            for receiver in self._receivers.values():
                await receiver.start(self._pipeline)
        except BaseException:
            await self.stop()
            raise
        self.pages.serving = True

    async def stop(self) -> None:
        """Refuses new requests, answers those under way, lets the sinks write, closes the log. May be called twice."""
        self.pages.serving = False
        for receiver in self._receivers.values():
            await receiver.stop()
        await self.sinks.stop()
        await self.log.stop()


def _logger(role: str, name: str) -> Logger:
    return cast(Logger, structlog.get_logger(f"llm_obs.{role}", **{role: name}))
