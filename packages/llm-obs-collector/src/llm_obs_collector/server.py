"""The collector as one thing: configuration in, receivers listening, the log between them and the sinks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llm_obs_core import builtin as core_builtin
from llm_obs_core import plugins
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import Config
from llm_obs_core.listen import must_be_loopback

from llm_obs_collector import builtin
from llm_obs_collector.log import FileLog
from llm_obs_collector.pipeline import Meaning, Pipeline
from llm_obs_collector.receivers.grpc import GrpcServer
from llm_obs_collector.receivers.http import HttpServer, Page
from llm_obs_collector.scrub import Scanner
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
        installed = installed or plugins.load(modules={"builtin": core_builtin, "collector": builtin})
        rules = []
        for name in config.scrub.scrubbers:
            where = f"scrub.options.{name}"
            scrubber: Any = installed.get("scrubber", name, where="scrub.scrubbers").make(
                config.scrub.options.get(name), where=where
            )
            rules.append(scrubber.rules())
        self.log = FileLog(Path(config.server.data_dir) / "log", config.server.writer, config.log)
        self.metrics = SelfMetrics(self.log)
        self.sinks = Workers(config, installed, self.log)
        meaning = Meaning.configured(installed, config)
        self._pipeline = Pipeline(self.log, Scanner(rules), config.receiver, self.metrics.accepted, meaning)
        self._ready = False
        authorizer = Authorizer(config.auth.keys)
        limit = config.receiver.max_request_bytes
        self._receivers: dict[str, HttpServer | GrpcServer] = {}
        if config.receiver.http.enabled:
            pages = {"/healthz": self._alive, "/readyz": self._readiness, "/metrics": self.metrics.page}
            self._receivers["http"] = HttpServer(
                config.receiver.http,
                max_request_bytes=limit,
                authorizer=authorizer,
                pages=pages,
                observe=self.metrics.request,
            )
        if config.receiver.grpc.enabled:
            self._receivers["grpc"] = GrpcServer(
                config.receiver.grpc, max_request_bytes=limit, authorizer=authorizer, observe=self.metrics.request
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
        self._ready = True

    async def stop(self) -> None:
        """Refuses new requests, answers those under way, lets the sinks write, closes the log. May be called twice."""
        self._ready = False
        for receiver in self._receivers.values():
            await receiver.stop()
        await self.sinks.stop()
        await self.log.stop()

    async def _alive(self) -> Page:
        return Page(200, "text/plain", b"ok\n")

    async def _readiness(self) -> Page:
        return Page(200, "text/plain", b"ready\n") if self._ready else Page(503, "text/plain", b"not ready\n")
