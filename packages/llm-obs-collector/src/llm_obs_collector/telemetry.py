"""What the collector says of itself: Prometheus metrics, by the table in `llm_obs_core.metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_obs_core.interfaces import Outcome
from llm_obs_core.metrics import METRICS
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from llm_obs_collector.receivers.http import Page

if TYPE_CHECKING:
    from llm_obs_collector.log import FileLog
    from llm_obs_collector.pipeline.pipeline import Prepared

__all__ = ["SelfMetrics"]

_KINDS: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


class SelfMetrics:
    """The collector's registry.

    Args:
        log: Read whenever the metrics are asked for.
    """

    def __init__(self, log: FileLog) -> None:
        self.registry = CollectorRegistry()
        self._log = log
        self._metrics = {
            item.name: _KINDS[item.kind](item.name, item.doc, item.labels, registry=self.registry) for item in METRICS
        }
        self._last: dict[str, float] = {}

    def request(self, receiver: str, code: int, wire_bytes: int, decoded_bytes: int, seconds: float) -> None:
        """Counts one request; see `RequestObserver`."""
        self._metrics["llm_obs_requests"].labels(receiver, str(code)).inc()
        self._metrics["llm_obs_request_bytes"].labels(receiver, "wire").inc(wire_bytes)
        self._metrics["llm_obs_request_bytes"].labels(receiver, "decoded").inc(decoded_bytes)
        self._metrics["llm_obs_request_duration_seconds"].labels(receiver).observe(seconds)

    def accepted(self, prepared: Prepared, outcome: Outcome) -> None:
        """Counts the spans of one accepted request: received = logged + duplicate + rejected."""
        self._metrics["llm_obs_received_spans"].inc(outcome.accepted + sum(item.count for item in outcome.rejected))
        ledger = self._metrics["llm_obs_ledger_spans"]
        ledger.labels("duplicate" if outcome.duplicate else "logged", "").inc(outcome.accepted)
        for item in outcome.rejected:
            ledger.labels("rejected", item.reason).inc(item.count)
        for name, count in prepared.scrubbed.counts.items():
            self._metrics["llm_obs_scrubbed_values"].labels(name).inc(count)
        for provider, count in prepared.priced.priced.items():
            self._metrics["llm_obs_priced_calls"].labels(provider).inc(count)
        for provider, count in prepared.priced.unpriced.items():
            self._metrics["llm_obs_unpriced_calls"].labels(provider).inc(count)

    async def page(self) -> Page:
        """`GET /metrics`."""
        stats = self._log.stats
        self._advance("llm_obs_log_appended_bytes", stats.appended_bytes)
        self._advance("llm_obs_log_commits", stats.commits)
        self._advance("llm_obs_log_commit_seconds", stats.commit_seconds)
        self._advance("llm_obs_log_corrupt_records", stats.corrupt_records)
        self._metrics["llm_obs_log_size_bytes"].set(self._log.size_bytes)
        return Page(200, CONTENT_TYPE_LATEST, generate_latest(self.registry))

    def _advance(self, name: str, value: float) -> None:
        self._metrics[name].inc(value - self._last.get(name, 0))
        self._last[name] = value
