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
    Metric(
        "llm_obs_requests", "counter", ("receiver", "code"), "Export requests by receiver (http, grpc) and status code."
    ),
    Metric("llm_obs_request_bytes", "counter", ("receiver", "stage"), "Bytes of requests, on the wire and decoded."),
    Metric(
        "llm_obs_request_duration_seconds",
        "histogram",
        ("receiver",),
        "From the last byte of a request to its acknowledgement.",
    ),
    Metric(
        "llm_obs_received_spans", "counter", (), "Spans of requests that could be read: the left side of the ledger."
    ),
    Metric(
        "llm_obs_recovered_spans", "counter", ("sink",), "Spans found in the log at start that the sink had not stored."
    ),
    Metric(
        "llm_obs_ledger_spans", "gauge", ("sink", "state", "reason"), "The ledger: where each received span is now."
    ),
    Metric("llm_obs_unpriced_requests", "counter", (), "Model calls with usage for which no price is known."),
    Metric("llm_obs_scrubbed_values", "counter", ("pattern",), "Values redacted before the log."),
    Metric("llm_obs_log_appended_bytes", "counter", (), "Bytes appended to the log."),
    Metric("llm_obs_log_commits", "counter", (), "Group commits: one fsync each."),
    Metric("llm_obs_log_commit_duration_seconds", "histogram", (), "Duration of one group commit."),
    Metric("llm_obs_log_size_bytes", "gauge", (), "Bytes of the log on disk."),
    Metric("llm_obs_log_corrupt_records", "counter", (), "Records skipped because their checksum was wrong."),
    Metric("llm_obs_sink_write_duration_seconds", "histogram", ("sink",), "Duration of one write of a sink."),
    Metric("llm_obs_sink_retries", "counter", ("sink",), "Writes that were tried again."),
    Metric("llm_obs_sink_breaker_state", "gauge", ("sink",), "0 closed, 1 half open, 2 open."),
    Metric("llm_obs_sink_lag_seconds", "gauge", ("sink",), "Age of the oldest record that the sink has not stored."),
    Metric("llm_obs_plugin_load_failures", "gauge", (), "Plugins that could not be loaded."),
    Metric("llm_obs_query_requests", "counter", ("operation", "code"), "Requests to the query API."),
    Metric("llm_obs_query_duration_seconds", "histogram", ("operation",), "Duration of requests to the query API."),
)
