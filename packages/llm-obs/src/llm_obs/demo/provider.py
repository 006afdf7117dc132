"""How the imitation answers the help desk: texts that fit, times as they are, and now and then a failure."""

from __future__ import annotations

import json
import random
from typing import Final

import msgspec
from llm_obs_testing.imitation import Answer, Call, ToolCall, Usage, scripted

from llm_obs.demo.tickets import ANSWERS

__all__ = ["SLOW_S", "answer"]

SLOW_S: Final = 5.6
"""The one slow call, seconds: slower than what production sampling keeps in full."""

# Numbers of tickets whose last call fails, and how.
CUT: Final = frozenset({21, 78, 151})
OVERLOADED: Final = frozenset({34, 118, 175})
TOO_LONG: Final = frozenset({15, 58, 101, 166})
FILTERED: Final = frozenset({46})
SLOW: Final = 9
BUSY_EVERY: Final = 13
"""Every so many tickets the first try is answered with 429."""

# Scene: seconds to the first token, seconds a chunk, input tokens, output tokens.
_SHAPES: Final = {
    "agent": (0.35, 0.020, (700, 1900), (40, 130)),
    "search": (0.25, 0.012, (900, 2600), (60, 180)),
    "summary": (0.60, 0.0, (600, 3200), (50, 90)),
    "triage": (0.18, 0.0, (120, 260), (4, 9)),
    "review": (1.10, 0.0, (1500, 4000), (120, 260)),
}


def answer(call: Call) -> Answer:
    """The script of the demo's imitation."""
    told = call.body.get("metadata") or {}
    if "ticket" not in told:
        return Answer(delay_s=call.rng.uniform(0.04, 0.12))  # embeddings carry no metadata
    number, scene = int(told["ticket"]), str(told["scene"])
    last = call.body["messages"][-1]
    first_step = scene == "agent" and last["role"] != "tool"
    if call.seen == 0 and number % BUSY_EVERY == 0:
        return _error(call, 429, retry_after_ms=120)
    if not first_step and number in OVERLOADED:
        return _error(call, 500, retry_after_ms=80)
    if number in TOO_LONG and not first_step:
        return Answer(
            status=400,
            error_type="invalid_request_error",
            error_code="context_length_exceeded",
            message="This model's maximum context length is 128000 tokens; your messages have 131204.",
            delay_s=0.05,
        )
    first_s, chunk_s, inputs, outputs = _SHAPES[scene]
    delay_s = first_s * call.rng.lognormvariate(0, 0.35)
    usage = _usage(call.rng, call.model, inputs, outputs)
    if first_step:
        arguments = json.dumps({"order": told["order"]})
        return Answer(tools=(ToolCall("find_order", arguments),), delay_s=delay_s, usage=usage)
    text = "delivery" if scene == "triage" else ANSWERS[number % len(ANSWERS)]
    return Answer(
        text=text,
        delay_s=SLOW_S if number == SLOW else delay_s,
        chunk_delay_s=chunk_s,
        usage=usage,
        finish_reason="content_filter"
        if number in FILTERED
        else "length"
        if scene == "triage" and number % 9 == 0
        else None,
        cut_after=9 if number in CUT and call.body.get("stream") else None,
    )


def _usage(rng: random.Random, model: str, inputs: tuple[int, int], outputs: tuple[int, int]) -> Usage:
    prompt, completion = rng.randint(*inputs), rng.randint(*outputs)
    cached = prompt // 128 * 128 if prompt >= 1024 and rng.random() < 0.6 else 0
    reasoning = 64 * rng.randint(1, 8) if model.startswith(("gpt-5", "o4")) else 0
    return Usage(prompt=prompt, completion=completion + reasoning, cached=cached, reasoning=reasoning)


def _error(call: Call, status: int, retry_after_ms: int) -> Answer:
    made = scripted(msgspec.structs.replace(call, headers={"x-imitation": f"status={status}"}))
    return msgspec.structs.replace(made, retry_after_ms=retry_after_ms, delay_s=0.03)
