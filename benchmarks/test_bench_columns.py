"""What stores take of a scanned batch: columns, payloads, messages with their digests, measures.

The spans of `test_bench_scan`: 17 attributes, two messages of about 500 bytes, 512 a batch, 40 users.
"""

from __future__ import annotations

from llm_obs_core_ext.scan import scan

from benchmarks.test_bench_scan import fastest_ns, request

KEY = bytes(range(32))


def measure(rounds: int, spans: int = 512) -> dict[str, float]:
    """Minima in nanoseconds a span: `columns`, `payloads`, `contents`, `measures`."""
    batch = scan(request(spans))
    calls = {
        "columns": batch.columns,
        "payloads": batch.payloads,
        "contents": lambda: batch.contents(KEY),
        "measures": batch.measures,
    }
    return {name: fastest_ns(call, rounds * 4) / spans for name, call in calls.items()}


def test_the_benchmark_measures_what_it_says() -> None:
    batch = scan(request(64))
    assert len(batch.contents(KEY)) == 2 * 64
    assert 0 < len(batch.measures()) <= 40
    assert all(value > 0 for value in measure(1, spans=4).values())
