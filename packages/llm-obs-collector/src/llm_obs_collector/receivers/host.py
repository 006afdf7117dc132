"""What the collector offers to a receiver beside what every component is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_obs_core.auth import Authorizer
from llm_obs_core.interfaces import Clock, Host, Logger, Metrics

from llm_obs_collector.budget import Budget
from llm_obs_collector.receivers.http import RequestObserver, Route
from llm_obs_collector.signals import Signals

__all__ = ["ReceiverHost"]


@dataclass(frozen=True, slots=True)
class ReceiverHost:
    """The `Host` of a receiver.

    Attributes:
        host: What every component is given.
        authorizer: Who may send.
        budget: Bytes of requests that may be under way, shared with the pipeline.
        max_request_bytes: `receiver.max_request_bytes`.
        pages: The collector's own pages by path; the HTTP receiver serves them.
        observe: Told of each request, for metrics.
        signals: What can be sent.
    """

    host: Host
    authorizer: Authorizer
    budget: Budget
    max_request_bytes: int
    pages: Mapping[str, Route]
    observe: RequestObserver
    signals: Signals

    @property
    def name(self) -> str:
        """See `Host`."""
        return self.host.name

    @property
    def data_dir(self) -> Path:
        """See `Host`."""
        return self.host.data_dir

    @property
    def writer(self) -> str:
        """See `Host`."""
        return self.host.writer

    @property
    def logger(self) -> Logger:
        """See `Host`."""
        return self.host.logger

    @property
    def metrics(self) -> Metrics:
        """See `Host`."""
        return self.host.metrics

    @property
    def clock(self) -> Clock:
        """See `Host`."""
        return self.host.clock

    def tenant_key(self, tenant: str) -> bytes:
        """See `Host`."""
        return self.host.tenant_key(tenant)
