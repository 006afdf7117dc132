"""The bodies of OpenAI's API: completions, chunks, embeddings, errors, as its public reference has them."""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.api import event

__all__ = ["DONE", "chunks", "completion", "embeddings", "error"]

CREATED_S = 1_760_000_000
FINGERPRINT = "fp_imitation"
DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""


def error(answer: Answer) -> bytes:
    """The body of an error."""
    said = {"message": answer.message, "type": answer.error_type, "param": None, "code": answer.error_code}
    return msgspec.json.encode({"error": said})


def completion(answer: Answer, ident: str, model: str, tier: str, choices: int) -> bytes:
    """A `chat.completion`."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.content() or None, "refusal": answer.refusal}
    if answer.reasoning:
        message["reasoning_content"] = "".join(answer.reasoning)
    made = []
    for index in range(choices):
        said = dict(message)
        if answer.tools:
            said["tool_calls"] = [{"type": "function", **item} for item in _tools(answer, ident, index)]
        made.append({"index": index, "message": said, "logprobs": None, "finish_reason": answer.finish_reason})
    body = {"object": "chat.completion", **_common(ident, model, tier), "choices": made, "usage": _usage(answer.usage)}
    return msgspec.json.encode(body)


def chunks(answer: Answer, ident: str, model: str, tier: str, choices: int, include_usage: bool) -> Iterator[bytes]:
    """The server-sent events of a streamed completion, without `DONE`."""
    common = {"object": "chat.completion.chunk", **_common(ident, model, tier)}
    extra = {"usage": None} if include_usage else {}

    def chunk(index: int, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event({**common, **extra, "choices": [choice]})

    for index in range(choices):
        yield chunk(index, {"role": "assistant", "content": "", "refusal": None} if not answer.tools else _role())
        if answer.empty_first:
            yield chunk(index, {"content": ""})
        for piece in answer.reasoning:
            yield chunk(index, {"reasoning_content": piece})
        if answer.refusal is not None:
            yield chunk(index, {"refusal": answer.refusal})
        for number, tool in enumerate(_tools(answer, ident, index)):
            head = {"name": tool["function"]["name"], "arguments": ""}
            first = {"index": number, "id": tool["id"], "type": "function", "function": head}
            yield chunk(index, {"tool_calls": [first]})
            text = tool["function"]["arguments"]
            for start in range(0, len(text), 8):
                part = {"index": number, "function": {"arguments": text[start : start + 8]}}
                yield chunk(index, {"tool_calls": [part]})
        if not answer.tools and answer.refusal is None:
            for piece in answer.pieces():
                yield chunk(index, {"content": piece})
    for index in range(choices):
        yield chunk(index, {}, answer.finish_reason)
    if include_usage:
        yield event({**common, "choices": [], "usage": _usage(answer.usage)})


def embeddings(
    model: str, inputs: int, dimensions: int, base64_format: bool, rng: random.Random, usage: Usage
) -> bytes:
    """The answer to an embeddings request: vectors of length one, as floats or as base64 of little-endian floats."""
    data = []
    for index in range(inputs):
        vector = [rng.uniform(-1, 1) for _ in range(dimensions)]
        length = sum(value * value for value in vector) ** 0.5
        packed = struct.pack(f"<{dimensions}f", *(value / length for value in vector))
        shown: Any = base64.b64encode(packed).decode() if base64_format else struct.unpack(f"<{dimensions}f", packed)
        data.append({"object": "embedding", "index": index, "embedding": shown})
    counts = {"prompt_tokens": usage.prompt, "total_tokens": usage.prompt}
    return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": counts})


def _common(ident: str, model: str, tier: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{ident}",
        "created": CREATED_S,
        "model": model,
        "service_tier": tier,
        "system_fingerprint": FINGERPRINT,
    }


def _role() -> dict[str, Any]:
    return {"role": "assistant", "content": None}


def _tools(answer: Answer, ident: str, index: int) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{ident[:12]}_{index}_{number}", "function": {"name": tool.name, "arguments": tool.arguments}}
        for number, tool in enumerate(answer.tools)
    ]


def _usage(usage: Usage | None) -> dict[str, Any]:
    counts = usage or Usage(prompt=0)
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": counts.audio_in},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "audio_tokens": counts.audio_out,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
