"""What instrumentation adds to a call and to a chunk of the real `openai` client, over a transport without a network.

Shown without a gate: the bare client's own time is a hundred times the difference, so its noise is in the figure.
`python -m benchmarks.test_bench_openai` prints microseconds.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.instrumentor import OpenAIInstrumentor
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.provider import Tracer
from llm_obs_sdk.recorder import Recorder
from llm_obs_testing.imitation import wire
from llm_obs_testing.imitation.answer import Answer, Usage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

CALLS = 100
CHUNKS = 2_000
USAGE = Usage(prompt=812, completion=256, cached=512, reasoning=64)
ANSWER = Answer(text="word " * 200, finish_reason="stop", usage=USAGE)
STREAM = Answer(text=("word ",) * CHUNKS, finish_reason="stop", usage=USAGE)
MESSAGES: list[Any] = [{"role": "user", "content": "What is the state of my order?"}]


def transport() -> httpx2.MockTransport:
    """Answers from memory."""
    plain = wire.completion(ANSWER, "0123456789abcdef", "gpt-5-mini-2025-08-07", "default", 1)
    events = [*wire.chunks(STREAM, "0123456789abcdef", "gpt-5-mini-2025-08-07", "default", 1, True), wire.DONE]

    def answer(request: httpx2.Request) -> httpx2.Response:
        streamed = json.loads(request.content).get("stream")
        kind = "text/event-stream" if streamed else "application/json"
        return httpx2.Response(200, headers={"content-type": kind}, content=iter(events) if streamed else plain)

    return httpx2.MockTransport(answer)


def recorder(capture_content: bool) -> tuple[Recorder, SpanQueue]:
    """The SDK's recorder without a delivery thread."""
    queue = SpanQueue(1 << 28, 1 << 27, 1 << 26, lambda: None)
    scope = queue.scope(Resource({"service.name": "bench"}), InstrumentationScope("llm_obs", "1"))
    tracer = Tracer(scope, Limits(SpanLimits()), 0, None, (), "llm_obs.attributes")
    return Recorder(tracer, capture_content, Guard()), queue


def measure(rounds: int, calls: int = CALLS, capture_content: bool = False) -> dict[str, float]:
    """Minima in ns: `bare_call`, `call`, `bare_chunk`, `chunk`."""
    instrumentor = OpenAIInstrumentor(OpenAIOptions())
    made, queue = recorder(capture_content)
    found: dict[str, list[float]] = {name: [] for name in ("bare_call", "call", "bare_chunk", "chunk")}
    with openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport())) as client:
        create: Callable[..., Any] = client.chat.completions.create

        def one_call() -> None:
            client.chat.completions.create(model="gpt-5-mini", messages=MESSAGES, temperature=0.2, max_tokens=500)

        def stream() -> Iterator[Any]:
            made_stream = create(
                model="gpt-5-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
            )
            return iter(made_stream)

        for _ in range(rounds):
            for prefix in ("bare_", ""):
                if not prefix:
                    instrumentor.instrument(made)
                    create = client.chat.completions.create
                found[f"{prefix}call"].append(_least(one_call, calls))
                found[f"{prefix}chunk"].append(_drain(stream()))
                if not prefix:
                    instrumentor.uninstrument()
                    create = client.chat.completions.create
                    batch = queue.take()
                    assert batch is not None
                    queue.settle(batch, batch.count)
    assert made.guard.errors == 0
    return {name: min(values) for name, values in found.items()}


def _least(run: Callable[[], None], times: int) -> float:
    least = float("inf")
    gc.collect()
    gc.disable()
    for _ in range(times):
        start = time.thread_time_ns()
        run()
        least = min(least, time.thread_time_ns() - start)
    gc.enable()
    return least


def _drain(stream: Iterator[Any]) -> float:
    gc.collect()
    gc.disable()
    count = 0
    start = time.thread_time_ns()
    for _ in stream:
        count += 1
    took = time.thread_time_ns() - start
    gc.enable()
    assert count >= CHUNKS
    return took / count


def test_runs() -> None:
    found = measure(1, 2)
    assert all(value > 0 for value in found.values())


if __name__ == "__main__":
    for capture in (False, True):
        result = measure(20, capture_content=capture)
        added = {name: (result[name] - result[f"bare_{name}"]) / 1000 for name in ("call", "chunk")}
        shown = ", ".join(f"{name} {value / 1000:.2f} µs" for name, value in result.items())
        print(f"content {capture}: {shown}; added {added['call']:.1f} µs a call, {added['chunk']:.2f} µs a chunk")
