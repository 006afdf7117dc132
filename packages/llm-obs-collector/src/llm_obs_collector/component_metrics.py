"""Metrics that components register themselves, in the collector's own registry."""

from __future__ import annotations

from typing import Any, Final

from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces import Observe
from llm_obs_core.metrics import Metric
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

__all__ = ["ComponentMetrics"]

_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "counter": (Counter, "inc"),
    "gauge": (Gauge, "set"),
    "histogram": (Histogram, "observe"),
}


class ComponentMetrics:
    """Where the components of one collector register metrics.

    Args:
        registry: What `GET /metrics` shows.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._known: dict[str, tuple[Metric, Any]] = {}

    def of(self, name: str) -> _Named:
        """The `Metrics` of one component, which writes its name beside each value."""
        return _Named(self, name)

    def register(self, metric: Metric, name: str) -> Observe:
        """See `Metrics.register`; `name` is the component's."""
        if metric.labels[:1] != ("component",):
            raise PluginError(
                "a metric whose first label is `component`",
                got=", ".join(metric.labels) or "no label",
                where=f"{metric.name} of {name}",
                fix="correct the component",
            )
        if metric.name not in self._known:
            kind, _ = _KINDS[metric.kind]
            try:
                made = kind(metric.name, metric.doc, metric.labels, registry=self._registry)
            except ValueError as error:  # the collector's own
                raise self._taken(metric, name, str(error)) from None
            self._known[metric.name] = metric, made
        known, made = self._known[metric.name]
        if known != metric:
            raise self._taken(metric, name, f"{known.kind} {known.name} with {', '.join(known.labels)}")
        change = _KINDS[metric.kind][1]

        def observe(value: float, *labels: str) -> None:
            getattr(made.labels(name, *labels), change)(value)

        return observe

    def _taken(self, metric: Metric, name: str, got: str) -> PluginError:
        return PluginError(
            "a metric whose name is free", got=got, where=f"{metric.name} of {name}", fix="rename it in the component"
        )


class _Named:
    """The metrics of one component."""

    def __init__(self, metrics: ComponentMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name

    def register(self, metric: Metric) -> Observe:
        """See `Metrics`."""
        return self._metrics.register(metric, self._name)
