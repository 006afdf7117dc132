"""From folded rows to summaries."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from llm_obs_core.interfaces import TraceSummary

__all__ = ["summaries_of"]

_PLAIN = (
    "trace_id",
    "start_ns",
    "name",
    "service",
    "has_root",
    "span_count",
    "error_count",
    "call_count",
    "input_tokens",
    "output_tokens",
    "cost_nano_usd",
    "unpriced_calls",
    "ttft_ns",
    "user_id",
    "session_id",
    "application",
)


def summaries_of(tenant: str, folded: pa.Table) -> Iterator[TraceSummary]:
    """One summary a row of `fold`."""
    for row in folded.to_pylist():
        yield TraceSummary(
            tenant=tenant,
            duration_ns=row["end_ns"] - row["start_ns"],
            models=tuple(row["models"]),
            providers=tuple(row["providers"]),
            **{name: row[name] for name in _PLAIN},
        )
