"""Scan with validation against protobuf's parse plus reading the attributes in Python; and the canonical writer.

Spans of about 1.6 KB with 17 attributes, 512 a request.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from llm_obs_core_ext.emit import emit
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def request(spans: int = 512) -> bytes:
    """The seeded request that is measured."""
    random_ = random.Random(1)
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = resource.scope_spans.add()
    scope.scope.name = "llm_obs.openai"
    for i in range(spans):
        start_ns = 1_700_000_000_000_000_000 + i * 1_000_003
        span = scope.spans.add(
            trace_id=random_.randbytes(16), span_id=random_.randbytes(8), parent_span_id=random_.randbytes(8),
            name="chat gpt-4o", kind=3, start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 10**9,
        )  # fmt: skip
        words = " ".join(random_.choices(("where", "is", "the", "order", "that", "I", "placed", "naïve"), k=90))
        texts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.id": f"chatcmpl-{i:020d}",
            "server.address": "api.openai.com",
            "user.id": f"user-{i % 40}",
            "gen_ai.conversation.id": f"conversation-{i % 100}",
            "gen_ai.input.messages": f'[{{"role":"user","parts":[{{"type":"text","content":"{words}"}}]}}]',
            "gen_ai.output.messages": f'[{{"role":"assistant","parts":[{{"type":"text","content":"{words}"}}]}}]',
        }
        for key, text in texts.items():
            span.attributes.add(key=key).value.string_value = text
        numbers = {
            "gen_ai.usage.input_tokens": 1234,
            "gen_ai.usage.output_tokens": 321,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.request.max_tokens": 1000,
            "server.port": 443,
        }
        for key, number in numbers.items():
            span.attributes.add(key=key).value.int_value = number
        span.attributes.add(key="gen_ai.request.temperature").value.double_value = 0.7
        reasons = span.attributes.add(key="gen_ai.response.finish_reasons").value.array_value
        reasons.values.add().string_value = "stop"
    return message.SerializeToString()


def read_all(body: bytes) -> int:
    """What a Python program does to see the same: parse, and read each attribute."""
    count = 0
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {}
                for entry in span.attributes:
                    value = entry.value
                    attributes[entry.key] = getattr(value, value.WhichOneof("value"))
                count += len(attributes)
    return count


def fastest_ns(call: Callable[[], object], rounds: int) -> float:
    """The shortest of `rounds` calls, nanoseconds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter_ns()
        call()
        best = min(best, time.perf_counter_ns() - start)
    return best


def measure(rounds: int, spans: int = 512) -> dict[str, float]:
    """Minima in nanoseconds a span.

    Returns:
        `ours` (scan), `peer` (parse and read), `parse` (protobuf's parse alone), `emit` (canonical bytes, no edits).
    """
    body = request(spans)
    batch = scan(body)
    return {
        "ours": fastest_ns(lambda: scan(body), rounds * 4) / spans,
        "peer": fastest_ns(lambda: read_all(body), rounds) / spans,
        "parse": fastest_ns(lambda: ExportTraceServiceRequest.FromString(body), rounds) / spans,
        "emit": fastest_ns(lambda: emit(batch), rounds * 4) / spans,
    }


def test_the_benchmark_measures_the_same_thing() -> None:
    body = request(4)
    assert read_all(body) == sum(len(span.attributes) for span in scan(body).spans()) == 4 * 17
    assert 1400 < len(body) / 4 < 1900
    assert all(value > 0 for value in measure(1, spans=4).values())
