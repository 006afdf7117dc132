"""What the query API says of itself: Prometheus metrics by the table in `llm_obs_core.metrics`."""

from __future__ import annotations

from typing import Any, Final

from llm_obs_core.metrics import QUERY
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

__all__ = ["QueryMetrics"]

_KINDS: Final[dict[str, Any]] = {"counter": Counter, "histogram": Histogram}


class QueryMetrics:
    """The registry of one query server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics = {
            item.name: _KINDS[item.kind](item.name, item.doc, item.labels, registry=self.registry) for item in QUERY
        }

    def request(self, route: str, code: int, seconds: float) -> None:
        """Counts one answered request."""
        self._metrics["llm_obs_query_requests"].labels(route, str(code)).inc()
        self._metrics["llm_obs_query_request_duration_seconds"].labels(route).observe(seconds)

    def answer(self, reader: str, question: str, result: str, seconds: float, rows: int) -> None:
        """Counts what one reader made of one question; see `AnswerObserver`."""
        self._metrics["llm_obs_query_answers"].labels(reader, question, result).inc()
        self._metrics["llm_obs_query_answer_duration_seconds"].labels(reader, question).observe(seconds)
        self._metrics["llm_obs_query_rows"].labels(reader, question).inc(rows)

    def key(self, result: str) -> None:
        """Counts a key that was shown; see `Access`."""
        self._metrics["llm_obs_query_keys"].labels(result).inc()

    def page(self) -> tuple[str, bytes]:
        """Content type and text of the Prometheus page."""
        return CONTENT_TYPE_LATEST, generate_latest(self.registry)
