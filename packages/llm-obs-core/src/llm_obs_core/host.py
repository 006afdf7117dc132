"""The hosts of a process's components: one `PlainHost` each, made by the process's one `Hosts`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from llm_obs_core.config import Server
from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces.host import Clock, Host, Logger, Metrics, Observe
from llm_obs_core.metrics import Metric

__all__ = ["NO_METRICS", "HostOf", "Hosts", "PlainHost", "StandardLogger"]


class HostOf(Protocol):
    """Makes the host of a component."""

    def __call__(self, role: str, name: str) -> Host:
        """The host of the component of a role and a section's name."""


class StandardLogger:
    """A `Logger` over Python's own logging: the event, then its facts as `key=value`.

    Args:
        logger: Where events go.
        name: The component's, put before each event.
    """

    def __init__(self, logger: logging.Logger, name: str) -> None:
        self._logger = logger
        self._name = name

    def debug(self, event: str, **facts: Any) -> None:
        """See `Logger`."""
        self._write(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """See `Logger`."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """See `Logger`."""
        self._write(logging.WARNING, event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """See `Logger`."""
        self._write(logging.ERROR, event, facts)

    def _write(self, level: int, event: str, facts: dict[str, Any]) -> None:
        exc_info = facts.pop("exc_info", None)
        text = "".join(f" {key}={value}" for key, value in facts.items())
        self._logger.log(level, "%s: %s%s", self._name, event, text, exc_info=exc_info)


class _NoMetrics:
    """For processes that export none."""

    def register(self, metric: Metric) -> Observe:
        """See `Metrics`."""
        return lambda value, *labels: None


NO_METRICS: Final[Metrics] = _NoMetrics()


def _standard(role: str, name: str) -> Logger:
    return StandardLogger(logging.getLogger(f"llm_obs.{role}"), name)


@dataclass(frozen=True, slots=True)
class PlainHost:
    """A `Host` of given parts.

    Attributes:
        name: The name of the component's section.
        logger: Its log.
        server: `[server]`; None where there is no data folder.
        metrics: Where it registers metrics.
        clock: For waits and times.
        key_of: The key of a tenant's digests; None where there is none.
    """

    name: str
    logger: Logger
    server: Server | None = None
    metrics: Metrics = NO_METRICS
    clock: Clock = Clock()  # noqa: RUF009 - immutable
    key_of: Callable[[str], bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """See `Host`."""
        return Path(self._served("a data folder").data_dir)

    @property
    def writer(self) -> str:
        """See `Host`."""
        return self._served("a log writer").writer

    def tenant_key(self, tenant: str) -> bytes:
        """See `Host`."""
        if self.key_of is None:
            raise self._without("a secret for tenants' digests")
        return self.key_of(tenant)

    def _served(self, what: str) -> Server:
        if self.server is None:
            raise self._without(what)
        return self.server

    def _without(self, what: str) -> PluginError:
        return PluginError(
            f"a process with {what}", got="one without", where=self.name, fix="use the component in the collector"
        )


class Hosts(NamedTuple):
    """What the hosts of one process share; called with a role and a name it makes the host of that component.

    Attributes:
        server: `[server]`; None in an application.
        logger_of: The log of a role and a name; Python's own logging unless given.
        metrics_of: The metrics of a component by its name; none are exported unless given.
        clock: For waits and times.
        key_of: The key of a tenant's digests; None where there is none.
    """

    server: Server | None = None
    logger_of: Callable[[str, str], Logger] = _standard
    metrics_of: Callable[[str], Metrics] = lambda name: NO_METRICS
    clock: Clock = Clock()
    key_of: Callable[[str], bytes] | None = None

    def __call__(self, role: str, name: str) -> PlainHost:
        """The host of one component."""
        return PlainHost(name, self.logger_of(role, name), self.server, self.metrics_of(name), self.clock, self.key_of)
