"""Recording a span of 17 attributes: ours against opentelemetry-sdk; and record + encode against its OTLP encoder."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_core_ext.tracer import RecordingTracer
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as official
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

SPANS = 512
ATTRIBUTES: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.response.model": "gpt-5-mini-2026-08-07",
    "gen_ai.request.temperature": 0.7,
    "gen_ai.request.max_tokens": 1024,
    "gen_ai.request.stream": True,
    "gen_ai.response.id": "chatcmpl-0123456789abcdef",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 256,
    "gen_ai.response.time_to_first_chunk": 0.231,
    "server.address": "api.example.com",
    "server.port": 443,
    "user.id": "user-000042",
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"' + "lorem ipsum " * 40 + '"}]}]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"' + "dolor " * 40 + '"}]}]',
}
RESOURCE = Resource({"service.name": "bench", "deployment.environment.name": "test"})


def record(tracer: Any, count: int) -> None:
    for _ in range(count):
        span = tracer.start_span("chat gpt-5-mini")
        for key, value in ATTRIBUTES.items():
            span.set_attribute(key, value)
        span.end()


class Keep(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[Any] = []

    def on_end(self, span: Any) -> None:
        self.spans.append(span)


def per_span(run: Callable[[], object], spans: int) -> float:
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) / spans


def measure(rounds: int, spans: int = SPANS) -> dict[str, float]:
    """Minima in ns per span: `ours` and `peer` record; `ours_both` and `peer_both` record and encode."""
    queue = SpanQueue(1 << 28, 1 << 26, 1 << 26, lambda: None)
    scope = queue.scope(RESOURCE, InstrumentationScope("bench", "1"))
    ours = RecordingTracer(scope, Limits(SpanLimits()), 0, None, (), None)
    keep = Keep()
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(keep)
    peer = provider.get_tracer("bench", "1")

    def ours_encode() -> None:
        batch = queue.take()
        assert batch is not None
        assert len(batch.encode()) > 1000 * batch.count
        queue.settle(batch, batch.count)

    def peer_encode() -> None:
        assert len(official(keep.spans).SerializeToString()) > 1000 * len(keep.spans)
        keep.spans.clear()

    found: dict[str, list[float]] = {"ours": [], "peer": [], "ours_both": [], "peer_both": []}
    for _ in range(rounds):
        for name, tracer, encode in (("ours", ours, ours_encode), ("peer", peer, peer_encode)):
            recorded = per_span(lambda tracer=tracer: record(tracer, spans), spans)  # type: ignore[misc]
            found[name].append(recorded)
            found[f"{name}_both"].append(recorded + per_span(encode, spans))
    return {name: min(values) for name, values in found.items()}


def test_runs() -> None:
    found = measure(1, 8)
    assert all(value > 0 for value in found.values())


if __name__ == "__main__":
    result = measure(30)
    print(result, "record", result["peer"] / result["ours"], "both", result["peer_both"] / result["ours_both"])
