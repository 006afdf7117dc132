"""What instrumentation adds to a call and to a chunk of the real `openai` client, over a transport without a network.

Shown without a gate: the bare client's own time is thirty times the difference, so its noise is in the figure. Beside
it stands the wrapper alone: around a request that answers at once, with warm caches and after other work has emptied
them, as the client's own does, and around a stream of chunks that are there. `python -m benchmarks.test_bench_openai`
prints microseconds.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import openai
from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.endpoint import ENDPOINTS
from llm_obs_openai.instrumentor import OpenAIInstrumentor
from llm_obs_sdk.calls.stream import StreamCall, watch
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.provider import Tracer
from llm_obs_sdk.recorder import Recorder
from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.openai import wire
from openai import _base_client
from openai._models import FinalRequestOptions
from openai.types.chat import ChatCompletion, ChatCompletionChunk
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


def alone(calls: int, capture_content: bool = False) -> dict[str, float]:
    """Minima in ns of what the wrapper takes around nothing: `warm` and `cold` a call, `chunk`."""
    instrumentor = OpenAIInstrumentor(OpenAIOptions())
    made, _ = recorder(capture_content)
    owner: Any = _base_client.SyncAPIClient
    original = owner.request
    body = json.loads(wire.completion(ANSWER, "0123456789abcdef", "gpt-5-mini-2025-08-07", "default", 1))
    asked = {"model": "gpt-5-mini", "messages": MESSAGES, "temperature": 0.2, "max_tokens": 500}
    filler = [{"a": number, "b": str(number), "c": [number] * 5} for number in range(400)]
    found: dict[str, float] = {}
    with openai.OpenAI(api_key="k") as client:
        try:
            owner.request = lambda self, answer, options, *, stream=False: answer
            for name in ("warm", "cold"):
                taken = []
                for wrapped in (False, True):
                    if wrapped:
                        instrumentor.instrument(made)
                    least = float("inf")
                    for number in range(calls):
                        if name == "cold" or number == 0:
                            json.loads(json.dumps(filler))
                            answer = ChatCompletion.model_validate(body)
                            options = FinalRequestOptions.construct(
                                method="post", url="/chat/completions", json_data=dict(asked)
                            )
                        start = time.perf_counter_ns()
                        client.request(answer, options, stream=False)  # type: ignore[type-var]
                        least = min(least, time.perf_counter_ns() - start)
                    taken.append(least)
                    instrumentor.uninstrument()
                found[name] = taken[1] - taken[0]
        finally:
            owner.request = original
    events = wire.chunks(STREAM, "0123456789abcdef", "gpt-5-mini-2025-08-07", "default", 1, True)
    chunks = [ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: ")) for event in events]
    bare, watched = (min(_read(chunks, on) for _ in range(20)) for on in (None, made))
    found["chunk"] = watched - bare
    assert made.guard.errors == 0
    return found


def _read(chunks: list[Any], made: Recorder | None) -> float:
    """ns a chunk of reading them all, watched when there is a recorder."""
    response = SimpleNamespace(status_code=200, close=None, aclose=None)
    stream = SimpleNamespace(_iterator=(chunk for chunk in chunks), response=response)
    if made is not None:
        span = made.tracer.start_span("chat gpt-5-mini")
        watch(stream, StreamCall(made, span, made.capture_content, ENDPOINTS["/chat/completions"]))
    start = time.perf_counter_ns()
    for _ in stream._iterator:
        pass
    return (time.perf_counter_ns() - start) / len(chunks)


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
    found = measure(1, 2) | alone(20)
    assert all(value > 0 for value in found.values())


if __name__ == "__main__":
    for capture in (False, True):
        result = measure(20, capture_content=capture)
        added = {name: (result[name] - result[f"bare_{name}"]) / 1000 for name in ("call", "chunk")}
        wrapper = alone(3000, capture_content=capture)
        print(f"content {'captured' if capture else 'not captured'}")
        print(
            f"  bare client {result['bare_call'] / 1000:6.1f} µs a call, {result['bare_chunk'] / 1000:6.2f} µs a chunk"
        )
        print(f"  added       {added['call']:6.1f} µs a call, {added['chunk']:6.2f} µs a chunk")
        calls = f"{wrapper['warm'] / 1000:6.1f} µs a call warm, {wrapper['cold'] / 1000:.1f} µs cold"
        print(f"  the wrapper {calls}, {wrapper['chunk'] / 1000:.2f} µs a chunk")
