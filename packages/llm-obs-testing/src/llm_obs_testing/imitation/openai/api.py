"""OpenAI's API: chat completions, responses, embeddings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.api import RefusedError
from llm_obs_testing.imitation.openai import responses, wire
from llm_obs_testing.imitation.script import count_tokens, with_text

if TYPE_CHECKING:
    from llm_obs_testing.imitation.script import Call

__all__ = ["MODELS", "OpenAI"]

MODELS: Final[Mapping[str, str]] = {
    "gpt-4": "gpt-4-0613",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
    "text-embedding-3-large": "text-embedding-3-large",
    "text-embedding-3-small": "text-embedding-3-small",
}
"""The models that there are, and the names under which they answer."""

DIMENSIONS: Final = {"text-embedding-3-large": 3072}
OPERATIONS: Final = {"chat/completions": "chat", "embeddings": "embeddings", "responses": "responses"}
BASES: Final = re.compile(r"^/(?:v1|openai)/(?:deployments/[^/]+/)?")
"""What stands before an operation's path: OpenAI's, or Azure's with the name of a deployment."""

CACHE_MIN_TOKENS: Final = 1024
CACHE_STEP_TOKENS: Final = 128
REASONING_PREFIXES: Final = ("gpt-5", "o1", "o3", "o4")
FAILURES: Final[Mapping[int, tuple[str, str | None, str]]] = {
    400: ("invalid_request_error", "invalid_value", "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "The key is not valid."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Too many requests; slow down."),
    500: ("server_error", None, "The server had an error while processing your request."),
    503: ("server_error", None, "The engine is overloaded."),
}


class OpenAI:
    """The `Api` of OpenAI, and of Azure's deployments of it."""

    name = provider = "openai"
    base = "/v1"
    models = MODELS

    def serves(self, path: str) -> bool:
        """Whether a path is one of this API."""
        return BASES.match(path) is not None

    def listed(self, method: str, path: str, models: Mapping[str, str]) -> bytes | None:
        """The list of models."""
        if method != "GET" or path != "/v1/models":
            return None
        data = [{"id": name, "object": "model", "created": wire.CREATED_S, "owned_by": "x"} for name in models]
        return msgspec.json.encode({"object": "list", "data": data})

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, dict[str, Any]]:
        """Operation, model and decoded body of a call."""
        operation = OPERATIONS.get(BASES.sub("", path))
        if operation is None or method != "POST":
            raise RefusedError(404, f"Unknown request URL: {method} {path}.", "unknown_url")
        needed = "messages" if operation == "chat" else "input"
        try:
            asked = msgspec.json.decode(body)
            model = asked["model"]
            if not isinstance(model, str) or not asked[needed]:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise RefusedError(400, f"The body must be a JSON object with model and {needed}.") from None
        return operation, model, asked

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The bearer token."""
        kind, _, key = headers.get("authorization", "").partition(" ")
        return key if kind == "Bearer" else None

    def attempt(self, headers: Mapping[str, str]) -> int:
        """The client's own count of its retries."""
        return int(headers.get("x-stainless-retry-count", "0"))

    def user(self, body: Mapping[str, Any]) -> str:
        """The request's `user`, or `safety_identifier`, or empty."""
        return str(body.get("user") or body.get("safety_identifier") or "")

    def complete(self, call: Call, answer: Answer) -> Answer:
        """Fills in what the script left open: text, finish reason, usage."""
        if call.operation == "embeddings":
            return msgspec.structs.replace(answer, usage=answer.usage or Usage(prompt=_prompt_tokens(call)))
        finish = answer.finish_reason or ("tool_calls" if answer.tools else "stop")
        filled = msgspec.structs.replace(with_text(call, answer), finish_reason=finish)
        return msgspec.structs.replace(filled, usage=answer.usage or _usage(call, filled))

    def tier(self, call: Call, answer: Answer) -> str:
        """What the answer says, else what was asked for, else `default`."""
        asked = call.body.get("service_tier")
        return answer.service_tier or (asked if asked not in (None, "auto") else "default")

    def streamed(self, call: Call) -> bool:
        """Whether a stream is asked for."""
        return call.operation != "embeddings" and bool(call.body.get("stream"))

    def tells_usage(self, call: Call) -> bool:
        """Streams of chat completions tell it when they are asked to."""
        return call.operation == "responses" or bool((call.body.get("stream_options") or {}).get("include_usage"))

    def failure(self, status: int) -> tuple[str, str | None, str]:
        """Type, code and message of an error that the script gave no words."""
        return FAILURES.get(status, ("server_error", None, "The request failed."))

    def headers(self, ident: str) -> Mapping[str, str]:
        """Further headers of an answer."""
        return {"x-request-id": f"req_{ident}", "openai-processing-ms": "1"}

    def error(self, answer: Answer) -> bytes:
        """The body of an error."""
        return wire.error(answer)

    def whole(self, call: Call, answer: Answer, ident: str, model: str) -> bytes:
        """The body of a complete answer."""
        tier = self.tier(call, answer)
        if call.operation == "chat":
            return wire.completion(answer, ident, model, tier, _choices(call))
        if call.operation == "responses":
            return responses.response(answer, ident, model, tier, call.body)
        given = call.body["input"]
        count = len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1
        dimensions = int(call.body.get("dimensions") or DIMENSIONS.get(model, 1536))
        packed = call.body.get("encoding_format") == "base64"
        return wire.embeddings(model, count, dimensions, packed, call.rng, answer.usage or Usage(prompt=0))

    def events(self, call: Call, answer: Answer, ident: str, model: str) -> Iterator[bytes]:
        """The server-sent events of a stream."""
        tier = self.tier(call, answer)
        if call.operation == "responses":
            return responses.events(answer, ident, model, tier, call.body)
        return wire.chunks(answer, ident, model, tier, _choices(call), self.tells_usage(call))

    def ending(self, call: Call) -> bytes:
        """Streams of chat completions end with a word."""
        return b"" if call.operation == "responses" else wire.DONE


def _choices(call: Call) -> int:
    return int(call.body.get("n") or 1)


def _prompt_tokens(call: Call) -> int:
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
    prompt = _prompt_tokens(call)
    cached = prompt // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS if prompt >= CACHE_MIN_TOKENS and call.seen else 0
    said = answer.content() + (answer.refusal or "") + "".join(item.name + item.arguments for item in answer.tools)
    reasoning = count_tokens("".join(answer.reasoning))
    if not reasoning and call.model.startswith(REASONING_PREFIXES):
        reasoning = 64 * call.rng.randint(1, 10)
    choices = _choices(call)
    completion = choices * (count_tokens(said) + reasoning)
    return Usage(prompt=prompt, completion=completion, cached=cached, reasoning=choices * reasoning)
