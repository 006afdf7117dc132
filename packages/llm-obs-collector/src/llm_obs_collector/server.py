"""The collector as one thing: configuration in, receivers listening, the log between them and the sinks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_obs_core import plugins
from llm_obs_core.auth import Authorizer
from llm_obs_core.components import check_options
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError
from llm_obs_core.listen import must_be_loopback
from llm_obs_core.model import Stream

from llm_obs_collector.budget import Budget
from llm_obs_collector.log import FileLog
from llm_obs_collector.pages import Pages
from llm_obs_collector.pipeline import Meaning, Pipeline
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.receivers.http import HttpServer
from llm_obs_collector.scrub import Scanner
from llm_obs_collector.signals import builtin
from llm_obs_collector.sinks import Workers
from llm_obs_collector.telemetry import SelfMetrics

__all__ = ["Collector"]


class Collector:
    """Log, pipeline, receivers and sink workers of one configuration.

    Args:
        config: The whole configuration.
        installed: The plugins; those that are installed when None.

    Raises:
        ConfigError: A part of it cannot be used; raised before anything is opened.
        PluginError: A scrubber, normaliser, pricer or sink is not installed.
    """

    def __init__(self, config: Config, installed: plugins.Plugins | None = None) -> None:
        for key in ("http", "grpc"):
            settings = getattr(config.receiver, key)
            if settings.enabled and not config.auth.keys:
                must_be_loopback(f"receiver.{key}.listen", settings.listen)
        if config.receiver.max_in_flight_bytes < config.receiver.max_request_bytes:
            raise ConfigError(
                f"at least receiver.max_request_bytes, {config.receiver.max_request_bytes}",
                got=str(config.receiver.max_in_flight_bytes),
                where="receiver.max_in_flight_bytes",
                fix="raise it, or lower receiver.max_request_bytes",
            )
        installed = installed or plugins.load()
        check_options(config.scrub.options, config.scrub.scrubbers, "scrub.scrubbers")
        rules = []
        for name in config.scrub.scrubbers:
            where = f"scrub.options.{name}"
            scrubber: Any = installed.get("scrubber", name, where="scrub.scrubbers").make(
                config.scrub.options.get(name), where=where
            )
            rules.append(scrubber.rules())
        self.log = FileLog(Path(config.server.data_dir) / "log", config.server.writer, config.log)
        budget = Budget(config.receiver.max_in_flight_bytes)
        self.telemetry = SelfMetrics(self.log, budget)
        self.sinks = Workers(config, installed, self.log, self.telemetry.write)
        self.telemetry.watch({worker.name: worker for worker in self.sinks.all})
        self.pages = Pages(self.log, self.sinks, self.telemetry)
        signals = builtin(Scanner(rules), config.receiver, Meaning.configured(installed, config))
        self._pipeline = Pipeline(self.log.writer(Stream.ACCEPTED), signals, budget, self.telemetry.accepted)
        authorizer = Authorizer(config.auth.keys)
        limit = config.receiver.max_request_bytes
        self._receivers: dict[str, HttpServer | GrpcServer] = {}
        if config.receiver.http.enabled:
            self._receivers["http"] = HttpServer(
                config.receiver.http,
                max_request_bytes=limit,
                authorizer=authorizer,
                budget=budget,
                pages=self.pages.routes(),
                observe=self.telemetry.request,
                signals=signals,
            )
        if config.receiver.grpc.enabled:
            self._receivers["grpc"] = GrpcServer(
                config.receiver.grpc,
                max_request_bytes=limit,
                authorizer=authorizer,
                budget=budget,
                observe=self.telemetry.request,
                signals=signals,
            )

    @property
    def addresses(self) -> dict[str, str]:
        """Receiver to `host:port`, once started."""
        return {name: receiver.address for name, receiver in self._receivers.items()}

    async def start(self) -> None:
        """Opens the log and the sinks, then listens. When a part fails, what was opened is closed again."""
        await self.log.start()
        try:
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
