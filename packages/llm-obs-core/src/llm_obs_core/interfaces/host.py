"""What a component is given beside its options: its name, where it may keep files, and the process's own services."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from llm_obs_core.metrics import Metric

__all__ = ["Clock", "Host", "Logger", "Metrics", "Observe"]


class Clock(NamedTuple):
    """Time as a component sees it; tests bring their own.

    Attributes:
        now: Seconds that only go forwards.
        sleep: Lets so many seconds pass.
        time_ns: Unix nanoseconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    time_ns: Callable[[], int] = time.time_ns


class Logger(Protocol):
    """A structured log that knows whose it is: one event a call, its facts as keywords (`exc_info` among them)."""

    def debug(self, event: str, **facts: Any) -> object:
        """For who looks for a fault."""

    def info(self, event: str, **facts: Any) -> object:
        """Something happened as it should."""

    def warning(self, event: str, **facts: Any) -> object:
        """Something is wrong, and the component goes on."""

    def error(self, event: str, **facts: Any) -> object:
        """Something failed."""


class Observe(Protocol):
    """One registered metric: adds to a counter, sets a gauge, or observes into a histogram."""

    def __call__(self, value: float, *labels: str) -> None:
        """Takes a value; `labels` are the metric's own, in its order, without `component`."""


class Metrics(Protocol):
    """The process's metrics. Where a process exports none, everything may be called and nothing happens."""

    def register(self, metric: Metric) -> Observe:
        """Registers a metric of the component; several components may register the same one.

        Args:
            metric: Its first label is `component`, which becomes the component's name.

        Raises:
            PluginError: The first label is another one, or the name is taken by another metric.
        """


class Host(Protocol):
    """What the process offers to one component. Each factory is ``factory(options, host)``; nothing here changes."""

    @property
    def name(self) -> str:
        """The name of the component's section, such as `lake` of `[sinks.lake]`: for labels and file names."""

    @property
    def data_dir(self) -> Path:
        """`server.data_dir`. Raises PluginError in a process without a data folder, such as an application."""

    @property
    def writer(self) -> str:
        """`server.writer`: whose Positions these are. Raises PluginError where there is none."""

    @property
    def logger(self) -> Logger:
        """The component's log; its name is in every event."""

    @property
    def metrics(self) -> Metrics:
        """Where the component registers metrics of its own."""

    @property
    def clock(self) -> Clock:
        """For waits and times."""

    def tenant_key(self, tenant: str) -> bytes:
        """The key of a tenant's digests, 32 bytes; the same at every start.

        Raises:
            PluginError: The process has none: only the collector has.
            StoreError: Its secret cannot be read.
        """
