"""What the page is looked at with: an hour of a small application, and traces that ask something of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.model import Event, Link, Span, SpanKind, StatusCode
from llm_obs_testing.spans import make_span, make_trace

S = 1_000_000_000
TRACES = 130
AGENT, HOSTILE, LARGE, STRANGE = 900_001, 900_002, 900_003, 900_004
"""Trace ids as numbers."""
LARGE_SPANS = 10_001

EVIL = (
    '<img src=x onerror="window.owned=1"><script>window.owned=1</script>"><svg onload=window.owned=1>'
    "' javascript:window.owned=1 \u202eesrever\u202c ${7*7} {{7*7}}"
)


def hex_id(trace: int) -> str:
    """The id in an address."""
    return trace.to_bytes(16, "big").hex()


def everything(now_ns: int) -> Iterator[list[Span]]:
    """All traces; nothing is younger than a minute, so that no view goes on asking for a trace that grows."""
    for number in range(1, TRACES + 1):
        yield _moved(make_trace(number), now_ns - (65 + number * 25) * S)
    yield from (agent(now_ns), hostile(now_ns), strange(now_ns), large(now_ns))


def _moved(spans: list[Span], start_ns: int) -> list[Span]:
    by = start_ns - spans[0].start_ns
    moved = []
    for span in spans:
        events = [msgspec.structs.replace(event, time_ns=event.time_ns + by) for event in span.events]
        moved.append(msgspec.structs.replace(span, start_ns=span.start_ns + by, end_ns=span.end_ns + by, events=events))
    return moved


def _call(number: int, trace: int, parent: int | None, start_ns: int, duration_ns: int, **more: Any) -> Span:
    attributes: dict[str, Any] = {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "openai",
        semconv.REQUEST_MODEL: "gpt-4o",
        semconv.RESPONSE_MODEL: "gpt-4o-2024-08-06",
        semconv.USAGE_INPUT_TOKENS: 1200,
        semconv.USAGE_CACHE_READ_INPUT_TOKENS: 1024,
        semconv.USAGE_OUTPUT_TOKENS: 90,
        semconv.COST_TOTAL_NANO_USD: 2_620_000,
        semconv.PRICE_ID: "openai/gpt-4o",
        semconv.USER_ID: "ann",
        semconv.CONVERSATION_ID: "c-17",
        **more.pop("attributes", {}),
    }
    fields: dict[str, Any] = {"kind": SpanKind.CLIENT, "name": "chat gpt-4o", **more}
    return make_span(
        number, trace=trace, parent=parent, start_ns=start_ns, duration_ns=duration_ns, attributes=attributes, **fields
    )


def _text(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def agent(now_ns: int) -> list[Span]:
    """A question, a tool, an answer that failed at first."""
    start = now_ns - 300 * S
    base = 9_100_000
    question = _text("user", "Where is order 4711?")
    asks = {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "call_1", "name": "lookup", "arguments": {"order": 4711}}],
    }
    result = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"state": "sent"}}]}
    system = json.dumps([{"type": "text", "content": "Answer briefly."}])
    first = {
        semconv.SYSTEM_INSTRUCTIONS: system,
        semconv.INPUT_MESSAGES: json.dumps([question]),
        semconv.OUTPUT_MESSAGES: json.dumps([{**asks, "finish_reason": "tool_call"}]),
        semconv.REQUEST_STREAM: True,
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 0.4,
    }
    history = {semconv.SYSTEM_INSTRUCTIONS: system, semconv.INPUT_MESSAGES: json.dumps([question, asks, result])}
    failed = {
        **history,
        semconv.ERROR_TYPE: "RateLimitError",
        semconv.HTTP_RESPONSE_STATUS_CODE: 429,
    }
    last = {**history, semconv.OUTPUT_MESSAGES: json.dumps([_text("assistant", "It was sent yesterday. " * 200)])}
    exception = Event(
        "exception",
        start + 3 * S,
        {
            semconv.EXCEPTION_TYPE: "openai.RateLimitError",
            "exception.message": "Error code: 429 - tokens per minute",
            "exception.stacktrace": 'Traceback (most recent call last):\n  File "app.py", line 12, in answer',
        },
    )
    tool = {
        semconv.OPERATION_NAME: "execute_tool",
        semconv.TOOL_NAME: "lookup",
        semconv.TOOL_CALL_ARGUMENTS: '{"order":4711}',
        semconv.TOOL_CALL_RESULT: '{"state":"sent","parcels":[{"id":9007199254740993,"weight_kg":0.8}]}',
    }
    return [
        make_span(
            base, trace=AGENT, name="answer_customer", start_ns=start, duration_ns=6 * S, service="support",
            attributes={semconv.OPERATION_NAME: "invoke_agent", semconv.AGENT_NAME: "support", semconv.USER_ID: "ann"},
        ),
        _call(base + 1, AGENT, base, start, 2 * S, attributes=first),
        make_span(
            base + 2, trace=AGENT, parent=base, name="execute_tool lookup", start_ns=start + 2 * S,
            duration_ns=S // 2, attributes=tool,
        ),
        _call(
            base + 3, AGENT, base, start + 5 * S // 2, S // 2, attributes=failed, status_code=StatusCode.ERROR,
            status_message="rate limited", events=[exception],
        ),
        _call(base + 4, AGENT, base, start + 3 * S, 3 * S, attributes=last),
    ]  # fmt: skip


def hostile(now_ns: int) -> list[Span]:
    """Every text that the page shows tries to be more than text."""
    start = now_ns - 200 * S
    messages = [
        _text("user", EVIL),
        {"role": EVIL, "content": EVIL},
        {"role": "user", "parts": [{"type": "uri", "uri": "https://evil.example/x.png", "modality": "image"}]},
        {EVIL: EVIL},
    ]
    attributes = {
        semconv.REQUEST_MODEL: EVIL,
        semconv.RESPONSE_MODEL: EVIL,
        semconv.USER_ID: EVIL,
        semconv.CONVERSATION_ID: EVIL,
        semconv.APPLICATION: EVIL,
        semconv.ERROR_TYPE: EVIL,
        semconv.INPUT_MESSAGES: json.dumps(messages),
        semconv.OUTPUT_MESSAGES: json.dumps([_text("assistant", EVIL + " long" * 3000)]),
        EVIL: EVIL,
        "numbers": [1, 2**62 + 1],
    }
    event = Event("exception", start, {semconv.EXCEPTION_TYPE: EVIL, "exception.message": EVIL})
    return [
        _call(
            9_200_000, HOSTILE, None, start, S, name=EVIL, service=EVIL, attributes=attributes, events=[event],
            status_code=StatusCode.ERROR, status_message=EVIL,
            links=[Link(AGENT.to_bytes(16, "big"), (9_100_000).to_bytes(8, "big"), "", {EVIL: EVIL})],
        )
    ]  # fmt: skip


def strange(now_ns: int) -> list[Span]:
    """A child before its parent, a span without its parent, no root."""
    start = now_ns - 250 * S
    base = 9_300_000
    return [
        make_span(base, trace=STRANGE, parent=1, name="lost its parent", start_ns=start, duration_ns=2 * S),
        make_span(base + 1, trace=STRANGE, parent=base, name="too early", start_ns=start - S, duration_ns=S),
    ]


def large(now_ns: int) -> list[Span]:
    """One root, a hundred batches, ninety-nine calls in each; one call in a thousand failed."""
    start = now_ns - 1500 * S
    base = 10_000_000
    spans = [make_span(base, trace=LARGE, name="nightly evaluation", start_ns=start, duration_ns=1000 * S)]
    for batch in range(100):
        at = start + batch * 10 * S
        parent = base + 1 + batch * 100
        spans.append(
            make_span(parent, trace=LARGE, parent=base, name=f"batch {batch}", start_ns=at, duration_ns=10 * S)
        )
        for item in range(99):
            error = (batch * 99 + item) % 1000 == 500
            attributes = {semconv.USER_ID: "evaluation", **({semconv.ERROR_TYPE: "Timeout"} if error else {})}
            spans.append(_call(parent + 1 + item, LARGE, parent, at + item * S // 10, S // 10, attributes=attributes))
    return spans
