"""Every metric of the collector and the query API: name, kind, labels, meaning. The code registers from this table."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["COLLECTOR", "COMPONENTS", "METRICS", "PRICE_TABLE", "QUERY", "Metric"]


class Metric(NamedTuple):
    """One Prometheus metric.

    Attributes:
        name: Prometheus name with its unit; counters without the `_total` that the client adds.
        kind: `counter`, `gauge` or `histogram`.
        labels: Label names; every label's values are bounded.
        doc: Meaning and unit.
        buckets: Of a histogram, the upper bounds of its buckets; the client's own when empty.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    doc: str
    buckets: tuple[float, ...] = ()


COLLECTOR: Final[tuple[Metric, ...]] = (
    Metric("llm_obs_requests", "counter", ("receiver", "code"), "Export requests by receiver and status code."),
    Metric("llm_obs_request_bytes", "counter", ("receiver", "stage"), "Bytes of requests, on the wire and decoded."),
    Metric("llm_obs_request_duration_seconds", "histogram", ("receiver",), "From a whole request to its answer."),
    Metric("llm_obs_received_items", "counter", (), "Items of requests that could be read: the ledger's left side."),
    Metric("llm_obs_ledger_items", "counter", ("state", "reason"), "Where each received item went: the right side."),
    Metric("llm_obs_priced_calls", "counter", ("provider",), "Model calls with a cost; a custom provider is `other`."),
    Metric("llm_obs_unpriced_calls", "counter", ("provider",), "Model calls with usage that no price is known for."),
    Metric("llm_obs_scrubbed_values", "counter", ("pattern",), "Values written over before the log."),
    Metric("llm_obs_log_appended_bytes", "counter", (), "Bytes appended to the log."),
    Metric("llm_obs_log_commits", "counter", (), "Group commits: one sync each."),
    Metric("llm_obs_log_commit_seconds", "counter", (), "Time spent in group commits, seconds."),
    Metric("llm_obs_log_items", "counter", (), "Items of the records accepted: what every sink's ledger starts from."),
    Metric("llm_obs_log_size_bytes", "gauge", (), "Bytes of the log on disk."),
    Metric("llm_obs_log_corrupt_records", "counter", (), "Places in the log whose checksum was wrong."),
    Metric("llm_obs_undecided_items", "gauge", (), "Items accepted that nothing is derived from yet."),
    Metric(
        "llm_obs_derived_delay_seconds",
        "histogram",
        (),
        "From a request's arrival to what is derived from it.",
        (0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
    ),
    Metric(
        "llm_obs_assembly_spans",
        "counter",
        ("state",),
        "Spans that were a duplicate, replaced an earlier one, or could not be read.",
    ),
    Metric("llm_obs_assembly_known_spans", "gauge", (), "Spans whose duplicates are recognised."),
    Metric("llm_obs_assembly_forgotten_spans", "counter", (), "Spans that were forgotten to make room for newer ones."),
    Metric("llm_obs_in_flight_bytes", "gauge", (), "Bytes of requests that arrive or are being worked on."),
    Metric(
        "llm_obs_sink_items",
        "counter",
        ("sink", "state", "reason"),
        "Where each item went: log + recovered = stored + duplicate + sampled_out + dead_letter + not_routed + lost + "
        "queued + undecided.",
    ),
    Metric("llm_obs_sink_recovered_items", "gauge", ("sink",), "Items found in the log at the start, not yet stored."),
    Metric("llm_obs_sink_queued_items", "gauge", ("sink",), "Items in the log that the sink does not hold yet."),
    Metric("llm_obs_sink_behind_seconds", "gauge", ("sink",), "Age of the oldest record on its way to the sink."),
    Metric("llm_obs_sink_writes", "counter", ("sink", "result"), "Writes: stored, refused or failed."),
    Metric("llm_obs_sink_write_duration_seconds", "histogram", ("sink",), "Duration of one write."),
    Metric("llm_obs_sink_breaker", "gauge", ("sink",), "The circuit breaker: 0 closed, 1 half open, 2 open."),
    Metric("llm_obs_dead_letters", "gauge", ("sink",), "Dead letters that are kept, in files."),
)

QUERY: Final[tuple[Metric, ...]] = (
    Metric("llm_obs_query_requests", "counter", ("route", "code"), "Requests by route and HTTP status."),
    Metric(
        "llm_obs_query_request_duration_seconds", "histogram", ("route",), "From a request's headers to its answer."
    ),
    Metric(
        "llm_obs_query_answers",
        "counter",
        ("reader", "question", "result"),
        "What readers made of questions: answered, failed or timed_out.",
    ),
    Metric(
        "llm_obs_query_answer_duration_seconds", "histogram", ("reader", "question"), "Time of one reader's answer."
    ),
    Metric(
        "llm_obs_query_rows", "counter", ("reader", "question"), "Traces, spans, groups or values given by readers."
    ),
    Metric("llm_obs_query_keys", "counter", ("result",), "Keys shown: accepted, unknown, without_read or put_off."),
)

PRICE_TABLE: Final = Metric(
    "llm_obs_price_table_timestamp_seconds", "gauge", ("component",), "Day of a pricer's table of prices, Unix seconds."
)

COMPONENTS: Final[tuple[Metric, ...]] = (PRICE_TABLE,)
"""What components that come with llm-obs register themselves, in the collector."""

METRICS: Final = COLLECTOR + QUERY + COMPONENTS
