"""Spans to test with: one by one, or whole seeded traces of a small application."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.model import Event, Span, SpanKind, StatusCode

__all__ = ["make_span", "make_trace", "make_traces"]

START_NS = 1_790_000_000_000_000_000
_WORDS = ("where", "is", "the", "order", "that", "I", "placed", "naïve", "日本", "🙂")
_MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
)


def make_span(
    number: int,
    *,
    trace: int | None = None,
    parent: int | None = None,
    name: str = "work",
    start_ns: int | None = None,
    duration_ns: int = 1_000_000,
    attributes: dict[str, Any] | None = None,
    service: str | None = "shop",
    **fields: Any,
) -> Span:
    """A span with ids made from numbers.

    Args:
        number: Its id, from 1.
        trace: The trace's id, from 1; `number` when None.
        parent: The parent's id; a root when None.
        name: Its name.
        start_ns: Unix nanoseconds; `number` seconds after a fixed start when None.
        duration_ns: Nanoseconds.
        attributes: Its attributes.
        service: `service.name` of its resource; no resource attribute when None.
        **fields: Other fields of `Span`.
    """
    start = START_NS + number * 1_000_000_000 if start_ns is None else start_ns
    values: dict[str, Any] = {
        "trace_id": (number if trace is None else trace).to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": None if parent is None else parent.to_bytes(8, "big"),
        "name": name,
        "kind": SpanKind.INTERNAL,
        "start_ns": start,
        "end_ns": start + duration_ns,
        "status_code": StatusCode.UNSET,
        "status_message": "",
        "attributes": attributes or {},
        "events": [],
        "links": [],
        "resource": {} if service is None else {semconv.SERVICE_NAME: service},
        "scope_name": "llm_obs.testing",
        "scope_version": "1",
        "scope_attributes": {},
    }
    return Span(**(values | fields))


def make_trace(number: int, seed: int = 1, users: int = 40) -> list[Span]:
    """One request of a shop's assistant: a root, a retrieval now and then, one to three model calls, a tool.

    Args:
        number: The trace's id, from 1; the spans' ids follow from it.
        seed: The same number and seed make the same spans.
        users: Of how many it is one's.
    """
    dice = random.Random(f"{seed}/{number}")  # noqa: S311
    start = START_NS + number * 250_000_000 + dice.randrange(200_000_000)
    base = number * 16
    service = dice.choice(("shop", "search", "support"))
    resource = {
        semconv.SERVICE_NAME: service,
        semconv.DEPLOYMENT_ENVIRONMENT_NAME: dice.choice(("production", "staging")),
    }
    who = {
        semconv.USER_ID: f"user-{dice.randrange(users)}",
        semconv.CONVERSATION_ID: f"conversation-{dice.randrange(200)}",
        semconv.APPLICATION: dice.choice(("assistant", "summaries")),
    }
    at = start + 1_000_000
    spans: list[Span] = []
    for step in range(dice.randrange(1, 4)):
        call = _call(dice, base + 2 + step * 2, number, base + 1, at, who)
        spans.append(call)
        at = call.end_ns + 500_000
        if dice.random() < 0.4:
            tool = make_span(
                base + 3 + step * 2, trace=number, parent=base + 1, name="execute_tool lookup", start_ns=at,
                duration_ns=dice.randrange(1_000_000, 90_000_000),
                attributes={
                    semconv.OPERATION_NAME: "execute_tool",
                    semconv.TOOL_NAME: "lookup",
                    semconv.TOOL_CALL_ARGUMENTS: f'{{"order":{dice.randrange(1000)}}}',
                    semconv.TOOL_CALL_RESULT: '{"state":"sent"}',
                },
            )  # fmt: skip
            spans.append(tool)
            at = tool.end_ns + 200_000
    failed = any(span.status_code == StatusCode.ERROR for span in spans)
    root = make_span(
        base + 1, trace=number, name=f"POST /{service}/ask", start_ns=start, duration_ns=at - start,
        attributes=dict(who), kind=SpanKind.SERVER, status_code=StatusCode.ERROR if failed else StatusCode.UNSET,
    )  # fmt: skip
    return [msgspec.structs.replace(span, resource=resource) for span in (root, *spans)]


def make_traces(count: int, seed: int = 1, *, first: int = 1, users: int = 40) -> list[Span]:
    """The spans of many traces, trace by trace."""
    return [span for number in range(first, first + count) for span in make_trace(number, seed, users)]


def _messages(role: str, text: str) -> str:
    return f'[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]'


def _call(dice: random.Random, number: int, trace: int, parent: int, start_ns: int, who: dict[str, str]) -> Span:
    provider, asked, answered = dice.choice(_MODELS)
    words = " ".join(dice.choices(_WORDS, k=dice.randrange(3, 60)))
    cached = dice.choice((0, 0, 256, 1024))
    attributes: dict[str, Any] = {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: provider,
        semconv.REQUEST_MODEL: asked,
        semconv.INPUT_MESSAGES: _messages("user", words),
        **who,
    }
    duration = int(dice.lognormvariate(20.5, 0.8))
    events: list[Event] = []
    status = StatusCode.UNSET
    if dice.random() < 0.06:
        status = StatusCode.ERROR
        attributes |= {semconv.ERROR_TYPE: "RateLimitError", semconv.HTTP_RESPONSE_STATUS_CODE: 429}
        events.append(Event("exception", start_ns + duration, {semconv.EXCEPTION_TYPE: "RateLimitError"}))
    else:
        fresh = dice.randrange(20, 3000)
        out = dice.randrange(5, 800)
        attributes |= {
            semconv.RESPONSE_MODEL: answered,
            semconv.RESPONSE_ID: f"chatcmpl-{number:020d}",
            semconv.RESPONSE_FINISH_REASONS: [dice.choice(("stop", "stop", "tool_call", "length"))],
            semconv.USAGE_INPUT_TOKENS: fresh + cached,
            semconv.USAGE_CACHE_READ_INPUT_TOKENS: cached,
            semconv.USAGE_OUTPUT_TOKENS: out,
            semconv.HTTP_RESPONSE_STATUS_CODE: 200,
            semconv.OUTPUT_MESSAGES: _messages("assistant", words[::-1]),
        }
        if dice.random() < 0.9:
            attributes |= {
                semconv.COST_TOTAL_NANO_USD: fresh * 2500 + cached * 1250 + out * 10_000,
                semconv.PRICE_ID: f"{provider}/{asked}",
            }
        if dice.random() < 0.5:
            attributes |= {
                semconv.REQUEST_STREAM: True,
                semconv.RESPONSE_TIME_TO_FIRST_CHUNK: duration / 1e9 * dice.uniform(0.1, 0.6),
            }
    return make_span(
        number, trace=trace, parent=parent, name=f"chat {asked}", start_ns=start_ns, duration_ns=duration,
        attributes=attributes, kind=SpanKind.CLIENT, status_code=status, events=events,
    )  # fmt: skip
