"""Every metric of the collector and the query API: name, kind, labels, meaning. The code registers from this table."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["METRICS", "Metric"]


class Metric(NamedTuple):
    """One Prometheus metric.

    Attributes:
        name: Prometheus name with its unit; counters without the `_total` that the client adds.
        kind: `counter`, `gauge` or `histogram`.
        labels: Label names; every label's values are bounded.
        doc: Meaning and unit.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    doc: str


METRICS: Final[tuple[Metric, ...]] = (
    Metric("llm_obs_requests", "counter", ("receiver", "code"), "Export requests by receiver and status code."),
    Metric("llm_obs_request_bytes", "counter", ("receiver", "stage"), "Bytes of requests, on the wire and decoded."),
    Metric("llm_obs_request_duration_seconds", "histogram", ("receiver",), "From a whole request to its answer."),
    Metric("llm_obs_received_spans", "counter", (), "Spans of requests that could be read: the ledger's left side."),
    Metric("llm_obs_ledger_spans", "counter", ("state", "reason"), "Where each received span went: the right side."),
    Metric("llm_obs_priced_calls", "counter", ("provider",), "Model calls with a cost; a custom provider is `other`."),
    Metric("llm_obs_unpriced_calls", "counter", ("provider",), "Model calls with usage that no price is known for."),
    Metric("llm_obs_scrubbed_values", "counter", ("pattern",), "Values written over before the log."),
    Metric("llm_obs_log_appended_bytes", "counter", (), "Bytes appended to the log."),
    Metric("llm_obs_log_commits", "counter", (), "Group commits: one sync each."),
    Metric("llm_obs_log_commit_seconds", "counter", (), "Time spent in group commits, seconds."),
    Metric("llm_obs_log_size_bytes", "gauge", (), "Bytes of the log on disk."),
    Metric("llm_obs_log_corrupt_records", "counter", (), "Places in the log whose checksum was wrong."),
)
