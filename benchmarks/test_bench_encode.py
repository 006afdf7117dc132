"""Encoding opentelemetry-sdk spans of 17 attributes: ours against opentelemetry-exporter-otlp, serialised."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

from llm_obs_core_ext.encode import encode_spans
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as official
from opentelemetry.sdk.trace import TracerProvider

SPANS = 512


def make(count: int) -> list[Any]:
    spec = importlib.util.spec_from_file_location("bench_record", Path(__file__).with_name("test_bench_record.py"))
    assert spec is not None
    assert spec.loader is not None
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    provider = TracerProvider(resource=data.RESOURCE, shutdown_on_exit=False)
    keep = data.Keep()
    provider.add_span_processor(keep)
    data.record(provider.get_tracer("bench", "1"), count)
    return list(keep.spans)


def measure(rounds: int, spans: int = SPANS) -> dict[str, float]:
    """Minima in ns per span: `ours`, `peer`."""
    made = make(spans)
    ours, peer = [], []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        mine = encode_spans(made)
        middle = time.perf_counter_ns()
        theirs = official(made).SerializeToString()
        end = time.perf_counter_ns()
        assert len(mine) == len(theirs)
        ours.append((middle - start) / spans)
        peer.append((end - middle) / spans)
    return {"ours": min(ours), "peer": min(peer)}


def test_runs() -> None:
    found = measure(1, 8)
    assert all(value > 0 for value in found.values())


if __name__ == "__main__":
    result = measure(30)
    print(result, result["peer"] / result["ours"])
