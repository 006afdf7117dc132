"""The load generator: every request is another one, and a short run's ledger is exact."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from llm_obs_core_ext.scan import scan

from benchmarks.load.__main__ import report, run
from benchmarks.load.bodies import SPANS_PER_TRACE, make


@pytest.mark.parametrize("spans", [4, 16, 512])
def test_every_span_of_every_request_is_another_one(spans: int) -> None:
    body = make(3, spans, 1024)
    now_ns = 1_800_000_000_000_000_000
    found = [span for number in (1, 2, 256, 2**40) for span in scan(bytes(body.stamp(number, now_ns))).spans()]
    assert len({(span.trace_id, span.span_id) for span in found}) == 4 * spans
    assert len({span.trace_id for span in found}) == 4 * spans // SPANS_PER_TRACE
    assert sum(span.parent_span_id is None for span in found) == 4 * spans // SPANS_PER_TRACE
    assert all(0 <= span.end_ns - span.start_ns < 60 * 10**9 for span in found)
    assert all(abs(span.end_ns - now_ns) < 10**9 for span in found)
    assert 1000 < len(body.data) / spans < 1100


def test_a_short_run_is_exact(tmp_path: Path) -> None:
    args = argparse.Namespace(
        seconds=1.0, rate=2000.0, spans=64, span_bytes=1024, connections=2, warm_up=0.2, probe=0.5, command="up",
        no_lake=False, set=[],
    )  # fmt: skip
    found = run(args, tmp_path)
    assert found["exact"], report(found)
    assert found["counts"]["sent"] >= 2000
    assert found["sent"]["refused"] == {}
