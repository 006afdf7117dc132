"""What the collector says of itself: Prometheus metrics by the table in `llm_obs_core.metrics`, and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from llm_obs_core.interfaces import Outcome
from llm_obs_core.metrics import COLLECTOR
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from llm_obs_collector.accounting import Ledger, Received, SinkAccount

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Log

    from llm_obs_collector.assembly import Assembly
    from llm_obs_collector.budget import Budget
    from llm_obs_collector.signals import Prepared
    from llm_obs_collector.sinks import SinkWorker

__all__ = ["SelfMetrics"]

_KINDS: dict[str, Any] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
_BREAKER: Final = {"closed": 0, "half_open": 1, "open": 2}


class SelfMetrics:
    """The collector's registry and ledger.

    Args:
        log: Read whenever the metrics are asked for.
        budget: Bytes of requests under way.
        registry: Where components have registered metrics of their own; a new one when None.
    """

    def __init__(self, log: Log, budget: Budget, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._log = log
        self._assembly: Assembly | None = None
        self._budget = budget
        self._received = Received()
        self._workers: Mapping[str, SinkWorker] = {}
        self._metrics = {
            item.name: _KINDS[item.kind](
                item.name,
                item.doc,
                item.labels,
                registry=self.registry,
                **({"buckets": item.buckets} if item.buckets else {}),
            )
            for item in COLLECTOR
        }
        self._last: dict[tuple[str, ...], float] = {}

    def watch(self, assembly: Assembly, workers: Mapping[str, SinkWorker]) -> None:
        """Tells of what derives, and of the sinks, by name."""
        self._assembly = assembly
        self._workers = workers

    def derived(self, delay_s: float) -> None:
        """Counts one record that was derived from."""
        self._metrics["llm_obs_derived_delay_seconds"].observe(delay_s)

    def request(self, receiver: str, code: int, wire_bytes: int, decoded_bytes: int, seconds: float) -> None:
        """Counts one request; see `RequestObserver`."""
        self._metrics["llm_obs_requests"].labels(receiver, str(code)).inc()
        self._metrics["llm_obs_request_bytes"].labels(receiver, "wire").inc(wire_bytes)
        self._metrics["llm_obs_request_bytes"].labels(receiver, "decoded").inc(decoded_bytes)
        self._metrics["llm_obs_request_duration_seconds"].labels(receiver).observe(seconds)

    def write(self, sink: str, result: str, seconds: float) -> None:
        """Counts one write to a sink; see `WriteObserver`."""
        self._metrics["llm_obs_sink_writes"].labels(sink, result).inc()
        self._metrics["llm_obs_sink_write_duration_seconds"].labels(sink).observe(seconds)

    def accepted(self, prepared: Prepared, outcome: Outcome) -> None:
        """Counts the spans of one accepted request: received = logged + repeated + rejected."""
        mine = self._received
        mine.received += outcome.accepted + sum(item.count for item in outcome.rejected)
        mine.repeated += outcome.repeated
        mine.logged += outcome.accepted - outcome.repeated
        for item in outcome.rejected:
            mine.rejected[item.reason] = mine.rejected.get(item.reason, 0) + item.count
        for name, count in prepared.scrubbed.items():
            self._metrics["llm_obs_scrubbed_values"].labels(name).inc(count)
        for provider, count in prepared.priced.items():
            self._metrics["llm_obs_priced_calls"].labels(provider).inc(count)
        for provider, count in prepared.unpriced.items():
            self._metrics["llm_obs_unpriced_calls"].labels(provider).inc(count)

    async def ledger(self) -> Ledger:
        """Where every item went, at this moment."""
        assert self._assembly is not None
        sinks = {}
        assembly = await self._assembly.status()
        for name, worker in self._workers.items():
            counts = await worker.counts()
            sinks[name] = SinkAccount(counts, counts.exact, worker.letters.count(), await worker.status())
        exact = self._received.exact and all(item.exact for item in sinks.values())
        received = msgspec.structs.replace(self._received, rejected=dict(self._received.rejected))
        return Ledger(received, exact, assembly, sinks)

    async def metrics(self) -> tuple[str, bytes]:
        """Content type and text of the Prometheus page."""
        stats = self._log.stats
        self._advance(stats.appended_bytes, "llm_obs_log_appended_bytes")
        self._advance(stats.commits, "llm_obs_log_commits")
        self._advance(stats.commit_seconds, "llm_obs_log_commit_seconds")
        self._advance(stats.corrupt_records, "llm_obs_log_corrupt_records")
        self._advance(stats.appended_items, "llm_obs_log_items")
        if stats.size_bytes is not None:
            self._metrics["llm_obs_log_size_bytes"].set(stats.size_bytes)
        self._metrics["llm_obs_in_flight_bytes"].set(self._budget.used)
        ledger = await self.ledger()
        self._advance(ledger.collector.received, "llm_obs_received_items")
        self._advance(ledger.collector.logged, "llm_obs_ledger_items", "logged", "")
        self._advance(ledger.collector.repeated, "llm_obs_ledger_items", "repeated", "")
        for reason, count in ledger.collector.rejected.items():
            self._advance(count, "llm_obs_ledger_items", "rejected", reason)
        assembly = ledger.assembly
        self._metrics["llm_obs_undecided_items"].set(assembly.undecided)
        self._advance(assembly.duplicates, "llm_obs_assembly_spans", "duplicate")
        self._advance(assembly.replaced, "llm_obs_assembly_spans", "replaced")
        self._advance(assembly.unreadable, "llm_obs_assembly_spans", "unreadable")
        self._metrics["llm_obs_assembly_known_spans"].set(assembly.known_spans)
        self._advance(assembly.forgotten_spans, "llm_obs_assembly_forgotten_spans")
        for name, account in ledger.sinks.items():
            self._sink(name, account)
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)

    def _sink(self, name: str, account: SinkAccount) -> None:
        counts, status = account.counts, account.status
        self._advance(counts.stored, "llm_obs_sink_items", name, "stored", "")
        self._advance(counts.lost, "llm_obs_sink_items", name, "lost", "")
        self._advance(counts.duplicate, "llm_obs_sink_items", name, "duplicate", "")
        for policy, count in counts.sampled_out.items():
            self._advance(count, "llm_obs_sink_items", name, "sampled_out", policy)
        for cause, count in counts.dead_letter.items():
            self._advance(count, "llm_obs_sink_items", name, "dead_letter", cause)
        for kind, count in counts.not_routed.items():
            self._advance(count, "llm_obs_sink_items", name, "not_routed", kind)
        self._metrics["llm_obs_sink_recovered_items"].labels(name).set(counts.recovered)
        self._metrics["llm_obs_sink_queued_items"].labels(name).set(counts.queued)
        self._metrics["llm_obs_sink_behind_seconds"].labels(name).set(status.behind_s)
        self._metrics["llm_obs_sink_breaker"].labels(name).set(_BREAKER[status.breaker])
        self._metrics["llm_obs_dead_letters"].labels(name).set(account.dead_letter_files)

    def _advance(self, value: float, name: str, *labels: str) -> None:
        """Brings a counter that is kept elsewhere up to its value."""
        metric = self._metrics[name].labels(*labels) if labels else self._metrics[name]
        metric.inc(max(0.0, value - self._last.get((name, *labels), 0)))
        self._last[name, *labels] = value
