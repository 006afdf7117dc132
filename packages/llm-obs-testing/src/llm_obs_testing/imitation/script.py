"""What is answered to what: from a queue, from the request's header, else made up from the seed and the request."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llm_obs_testing.imitation.answer import Answer, ToolCall, Usage

__all__ = ["HEADER", "Call", "Script", "answer_from_header", "count_tokens", "request_usage", "scripted"]

HEADER = "x-imitation"
"""A request header that says what to answer, such as `status=429; times=1; retry-after-ms=20`."""

CACHE_MIN_TOKENS = 1024
CACHE_STEP_TOKENS = 128
TEXT = (
    "the order is on its way and should reach you within two days we checked the invoice against your plan please "
    "restart the device then open settings and choose network the refund was sent to your card today thank you for "
    "your patience let me know if anything else is unclear here is a short summary of what we found so far"
)
WORDS = TEXT.split()

REASONING_PREFIXES = ("gpt-5", "o1", "o3", "o4")
_ERRORS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", "invalid_value", "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "The key is not valid."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Too many requests; slow down."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is overloaded."),
}


class Call(msgspec.Struct, frozen=True):
    """One request as a script sees it.

    Attributes:
        operation: `chat`, `responses` or `embeddings`.
        model: The model asked for.
        body: The decoded request.
        headers: Names in lower case.
        attempt: The client's own count of its retries, from 0.
        seen: How often an equal request came before, retries included.
        rng: Seeded from the imitation's seed and the body, so equal requests have equal answers.
    """

    operation: str
    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    attempt: int
    seen: int
    rng: random.Random

    @property
    def user(self) -> str:
        """The request's `user`, or `safety_identifier`, or empty."""
        return str(self.body.get("user") or self.body.get("safety_identifier") or "")


Script = Callable[[Call], Answer]


def digest(seed: int, path: str, body: bytes) -> bytes:
    """What equal requests have in common."""
    return hashlib.blake2b(path.encode() + body, key=seed.to_bytes(8, "big"), digest_size=16).digest()


def count_tokens(text: str) -> int:
    """The imitation's idea of tokens: four bytes one token."""
    return (len(text.encode()) + 3) // 4


def scripted(call: Call) -> Answer:
    """The default script: an error or a shape that the header asks for, else words from the seed."""
    answer = answer_from_header(call) or Answer()
    if answer.status >= 400 and not answer.message:
        kind, code, message = _ERRORS.get(answer.status, ("server_error", None, "The request failed."))
        return msgspec.structs.replace(answer, error_type=kind, error_code=code, message=message)
    return answer


def answer_from_header(call: Call) -> Answer | None:
    """What `x-imitation` asks for; None without it, or when its `times` are over.

    Raises:
        ValueError: The header cannot be read.
    """
    given = call.headers.get(HEADER, "")
    values = {}
    for part in given.split(";"):
        name, equals, value = part.partition("=")
        if part.strip() and not equals:
            raise ValueError(f"expected name=value, got {part.strip()!r} (at header {HEADER})")
        if equals:
            values[name.strip()] = value.strip()
    times = int(values.pop("times", "0"))
    if not values or (times and call.seen >= times):
        return None
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "status":
            fields["status"] = int(value)
        elif name == "retry-after-ms":
            fields["retry_after_ms"] = int(value)
        elif name == "cut-after":
            fields["cut_after"] = int(value)
        elif name in ("delay-ms", "chunk-delay-ms"):
            fields[name.removesuffix("-ms").replace("-", "_") + "_s"] = float(value) / 1000
        elif name == "text":
            fields["text"] = value
        elif name == "finish-reason":
            fields["finish_reason"] = value
        elif name == "tool":
            fields["tools"] = (ToolCall(value),)
        else:
            raise ValueError(f"expected a known name, got {name!r} (at header {HEADER})")
    return Answer(**fields)


def complete(call: Call, answer: Answer) -> Answer:
    """Fills in what the script left open: text, finish reason, usage."""
    if call.operation == "embeddings":
        return msgspec.structs.replace(answer, usage=answer.usage or Usage(prompt=request_usage(call)))
    text = answer.text
    if text is None:
        words = call.rng.randint(8, 40)
        start = call.rng.randrange(len(WORDS))
        made_up = " ".join(WORDS[(start + step) % len(WORDS)] for step in range(words))
        text = "" if answer.tools or answer.refusal is not None else made_up.capitalize() + "."
    finish = answer.finish_reason or ("tool_calls" if answer.tools else "stop")
    filled = msgspec.structs.replace(answer, text=text, finish_reason=finish)
    return msgspec.structs.replace(filled, usage=answer.usage or _usage(call, filled))


def request_usage(call: Call) -> int:
    """Input tokens of a request."""
    if call.operation == "embeddings":
        given = call.body.get("input", "")
        items = given if isinstance(given, list) else [given]
        if items and isinstance(items[0], int):
            return len(items)
        return sum(len(item) if isinstance(item, list) else count_tokens(str(item)) for item in items)
    if call.operation == "responses":
        given = call.body.get("input") or ""
        messages = given if isinstance(given, list) else [{"content": given}]
        if instructions := call.body.get("instructions"):
            messages = [{"content": instructions}, *messages]
    else:
        messages = call.body.get("messages") or []
    texts = [message.get("content") or "" for message in messages]
    total = sum(count_tokens(text if isinstance(text, str) else str(text)) + 4 for text in texts)
    return total + count_tokens(str(call.body.get("tools") or "")) + 3


def _usage(call: Call, answer: Answer) -> Usage:
    prompt = request_usage(call)
    cached = prompt // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS if prompt >= CACHE_MIN_TOKENS and call.seen else 0
    said = answer.content() + (answer.refusal or "") + "".join(item.name + item.arguments for item in answer.tools)
    choices = int(call.body.get("n") or 1)
    reasoning = count_tokens("".join(answer.reasoning))
    if not reasoning and call.model.startswith(REASONING_PREFIXES):
        reasoning = 64 * call.rng.randint(1, 10)
    completion = choices * (count_tokens(said) + reasoning)
    return Usage(prompt=prompt, completion=completion, cached=cached, reasoning=choices * reasoning)
