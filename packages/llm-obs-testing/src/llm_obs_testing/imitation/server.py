"""The server: a request comes, the script answers, the ledger writes it down."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from llm_obs_testing.imitation import responses as wire_responses
from llm_obs_testing.imitation import wire
from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.ledger import Ledger
from llm_obs_testing.imitation.script import Call, Script, complete, digest, scripted
from llm_obs_testing.loopback import HttpRequest, LoopbackServer, Reply, running

__all__ = ["MODELS", "Imitation"]

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
DEPLOYMENT: Final = re.compile(r"^/(?:v1|openai)/(?:deployments/[^/]+/)?")
"""What stands before an operation's path: OpenAI's, or Azure's with the name of a deployment."""


class Imitation:
    """The OpenAI HTTP API on loopback.

    Args:
        script: What to answer; the default obeys the header `x-imitation` and makes up the rest.
        seed: Equal seeds and requests have equal answers.
        models: Model name to the name under which it answers; other models are answered with 404.
        key: When given, requests with another bearer token are answered with 401.
    """

    def __init__(
        self, script: Script = scripted, *, seed: int = 0, models: Mapping[str, str] = MODELS, key: str | None = None
    ) -> None:
        self._script = script
        self._seed = seed
        self._models = models
        self._key = key
        self._seen: Counter[bytes] = Counter()
        self._queued: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._server = LoopbackServer(self._handle)
        self.ledger = Ledger()
        self.requests: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        """The base URL for a client, once started."""
        return f"http://127.0.0.1:{self._server.port}/v1"

    @property
    def failures(self) -> list[BaseException]:
        """Exceptions of a script or of the imitation itself."""
        return self._server.failures

    def queue(self, *answers: Answer) -> None:
        """Answers for the next requests, before the script is asked."""
        with self._lock:
            self._queued.extend(answers)

    async def start(self, port: int = 0) -> None:
        """Listens; port 0 takes a free one."""
        await self._server.start(port)

    async def stop(self) -> None:
        """Closes every connection. May be called twice."""
        await self._server.stop()

    @contextmanager
    def running(self, port: int = 0) -> Iterator[Imitation]:
        """Runs in a thread of its own until the block ends."""
        with running(self._server, port):
            yield self

    async def _handle(self, request: HttpRequest, reply: Reply) -> None:
        if request.method == "GET" and request.path == "/v1/models":
            data = [
                {"id": name, "object": "model", "created": wire.CREATED_S, "owned_by": "x"} for name in self._models
            ]
            await reply.send(200, _JSON, msgspec.json.encode({"object": "list", "data": data}))
            return
        operation = OPERATIONS.get(DEPLOYMENT.sub("", request.path))
        if operation is None or request.method != "POST":
            await self._refuse(reply, 404, f"Unknown request URL: {request.method} {request.path}.", "unknown_url")
            return
        try:
            body = msgspec.json.decode(request.body)
            model = body["model"]
            if not isinstance(model, str) or not body["messages" if operation == "chat" else "input"]:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            needed = "model and messages" if operation == "chat" else "model and input"
            await self._refuse(reply, 400, f"The body must be a JSON object with {needed}.", None)
            return
        if self._key is not None and request.headers.get("authorization") != f"Bearer {self._key}":
            await self._refuse(reply, 401, "Incorrect API key provided.", "invalid_api_key")
            return
        await self._answer(request, operation, model, body, reply)

    async def _answer(
        self, request: HttpRequest, operation: str, model: str, body: Mapping[str, Any], reply: Reply
    ) -> None:
        same = digest(self._seed, request.path, request.body)
        with self._lock:
            seen = self._seen[same]
            self._seen[same] += 1
            queued = self._queued.popleft() if self._queued else None
            self.requests.append(body)
        attempt = int(request.headers.get("x-stainless-retry-count", "0"))
        rng = random.Random(same)  # noqa: S311 - made-up text, not a secret
        call = Call(operation, model, body, request.headers, attempt, seen, rng)
        answer = queued or self._script(call)
        if model not in self._models and answer.model is None and answer.status < 400:
            answer = scripted(msgspec.structs.replace(call, headers={"x-imitation": "status=404"}))
        if answer.status >= 400 and not answer.error_type:
            answer = scripted(msgspec.structs.replace(call, headers={"x-imitation": f"status={answer.status}"}))
        asked = self._models.get(model, model)
        answers = answer.model or asked
        self.ledger.attempt(same, model if answer.status >= 400 else answers, call.user, attempt)
        await asyncio.sleep(answer.delay_s)
        headers = {**_JSON, "x-request-id": f"req_{same.hex()}_{seen}", "openai-processing-ms": "1"}
        if answer.retry_after_ms is not None:
            headers["retry-after-ms"] = str(answer.retry_after_ms)
        if answer.status >= 400:
            self.ledger.failed(same, model, call.user, answer.status)
            await reply.send(answer.status, headers, answer.body or wire.error(answer))
            return
        if answer.cut_after is not None and answer.cut_after < 0:
            self.ledger.failed(same, model, call.user, 0)
            await reply.cut()
            return
        filled = complete(call, answer)
        ident = f"{same.hex()}{seen}"
        await self._succeed(call, filled, ident, answers, reply, headers)

    async def _succeed(
        self, call: Call, answer: Answer, ident: str, model: str, reply: Reply, headers: Mapping[str, str]
    ) -> None:
        usage = answer.usage or Usage(prompt=0)
        asked_tier = call.body.get("service_tier")
        tier = answer.service_tier or (asked_tier if asked_tier not in (None, "auto") else "default")
        choices = int(call.body.get("n") or 1)
        if call.operation != "embeddings" and call.body.get("stream"):
            responses = call.operation == "responses"
            include_usage = responses or bool((call.body.get("stream_options") or {}).get("include_usage"))
            if answer.body is not None:
                events, include_usage = iter((answer.body,)), False
            elif responses:
                events = wire_responses.events(answer, ident, model, tier, call.body)
            else:
                events = wire.chunks(answer, ident, model, tier, choices, include_usage)
            told = await self._stream(reply, headers, answer, events)
            if told == "whole" and include_usage:
                self.ledger.answered(model, call.user, tier, usage)
            else:
                self.ledger.unreported(model, call.user, error=told == "cut")
            if told == "cut":
                await reply.cut()
            else:
                if not responses:
                    await reply.write(wire.DONE)
                await reply.end()
            return
        if answer.body is not None:
            body = answer.body
        elif call.operation == "chat":
            body = wire.completion(answer, ident, model, tier, choices)
        elif call.operation == "responses":
            body = wire_responses.response(answer, ident, model, tier, call.body)
        else:
            given = call.body["input"]
            count = len(given) if isinstance(given, list) and not isinstance(given[0], int) else 1
            dimensions = int(call.body.get("dimensions") or DIMENSIONS.get(model, 1536))
            packed = call.body.get("encoding_format") == "base64"
            body = wire.embeddings(model, count, dimensions, packed, call.rng, usage)
        self.ledger.answered(model, call.user, tier, usage)
        await reply.send(200, headers, body)

    async def _stream(self, reply: Reply, headers: Mapping[str, str], answer: Answer, events: Iterator[bytes]) -> str:
        """Writes the events: `whole`, `cut` when the answer says so, `left` when the client went away."""
        try:
            await reply.begin(200, {**headers, "content-type": "text/event-stream; charset=utf-8"})
            for place, event in enumerate(events):
                if place == answer.cut_after:
                    return "cut"
                delays = answer.chunk_delays_s
                delay_s = delays[place] if place < len(delays) else answer.chunk_delay_s
                if delay_s:
                    await asyncio.sleep(delay_s)
                await reply.write(event)
        except ConnectionError:
            return "left"
        return "whole"

    async def _refuse(self, reply: Reply, status: int, message: str, code: str | None) -> None:
        refusal = Answer(status=status, error_type="invalid_request_error", error_code=code, message=message)
        await reply.send(status, _JSON, wire.error(refusal))


_JSON: Final = {"content-type": "application/json"}
