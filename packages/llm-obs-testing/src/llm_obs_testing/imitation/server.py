"""The server: a request comes, the script answers, the ledger writes it down."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from llm_obs_testing.imitation.answer import Answer, Usage
from llm_obs_testing.imitation.api import Api, RefusedError
from llm_obs_testing.imitation.apis import APIS
from llm_obs_testing.imitation.ledger import Ledger
from llm_obs_testing.imitation.script import Call, Script, digest, scripted
from llm_obs_testing.loopback import HttpRequest, LoopbackServer, Reply, running

__all__ = ["Imitation"]

DEFAULT_APIS: Final = (APIS["openai"],)


class Imitation:
    """HTTP APIs of providers on loopback.

    Args:
        script: What to answer; the default obeys the header `x-imitation` and makes up the rest.
        seed: Equal seeds and requests have equal answers.
        models: Model name to the name under which it answers, instead of each API's own; others are answered with 404.
        key: When given, requests with another key are answered with 401.
        apis: What is imitated, out of `APIS` or of one's own; the first answers paths that are nobody's.
    """

    def __init__(
        self,
        script: Script = scripted,
        *,
        seed: int = 0,
        models: Mapping[str, str] | None = None,
        key: str | None = None,
        apis: Sequence[Api] = DEFAULT_APIS,
    ) -> None:
        self._script = script
        self._seed = seed
        self._models = models
        self._key = key
        self._apis = tuple(apis)
        self._seen: Counter[bytes] = Counter()
        self._queued: deque[Answer] = deque()
        self._lock = threading.Lock()
        self._server = LoopbackServer(self._handle)
        self.ledger = Ledger({api.name: api.provider for api in self._apis})
        self.requests: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        """The base URL for a client of the first API, once started."""
        return self.url_of(self._apis[0].name)

    def url_of(self, name: str) -> str:
        """The base URL for a client of an API."""
        (base,) = [api.base for api in self._apis if api.name == name]
        return f"http://127.0.0.1:{self._server.port}{base}"

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
        api = next((api for api in self._apis if api.serves(request.path)), self._apis[0])
        models = api.models if self._models is None else self._models
        listed = api.listed(request.method, request.path, models)
        if listed is not None:
            await reply.send(200, _JSON, listed)
            return
        try:
            operation, model, body = api.read(request.method, request.path, request.headers, request.body)
            if self._key is not None and api.key(request.headers) != self._key:
                raise RefusedError(401, "Incorrect API key provided.", "invalid_api_key")
        except RefusedError as error:
            kind = api.failure(400)[0]
            said = Answer(status=error.status, error_type=kind, error_code=error.code, message=error.message)
            await reply.send(error.status, _JSON, api.error(said))
            return
        same = digest(self._seed, request.path, request.body)
        with self._lock:
            seen = self._seen[same]
            self._seen[same] += 1
            queued = self._queued.popleft() if self._queued else None
            self.requests.append(body)
        rng = random.Random(same)  # noqa: S311 - made-up text, not a secret
        call = Call(api, operation, model, body, request.headers, api.attempt(request.headers), seen, rng)
        answer = queued or self._script(call)
        if model not in models and answer.model is None and answer.status < 400:
            answer = scripted(msgspec.structs.replace(call, headers={"x-imitation": "status=404"}))
        if answer.status >= 400 and not answer.error_type:
            answer = scripted(msgspec.structs.replace(call, headers={"x-imitation": f"status={answer.status}"}))
        await self._answer(call, answer, same, answer.model or models.get(model, model), reply)

    async def _answer(self, call: Call, answer: Answer, same: bytes, model: str, reply: Reply) -> None:
        api, who, ledger = call.api, (call.api.name, call.user), self.ledger
        ledger.attempt(*who, same, call.model if answer.status >= 400 else model, call.attempt)
        await asyncio.sleep(answer.delay_s)
        headers = {**_JSON, **api.headers(f"{same.hex()}_{call.seen}")}
        if answer.retry_after_ms is not None:
            headers["retry-after-ms"] = str(answer.retry_after_ms)
        if answer.status >= 400:
            ledger.failed(*who, same, call.model, answer.status)
            await reply.send(answer.status, headers, answer.body or api.error(answer))
            return
        if answer.cut_after is not None and answer.cut_after < 0:
            ledger.failed(*who, same, call.model, 0)
            await reply.cut()
            return
        filled, ident = api.complete(call, answer), f"{same.hex()}{call.seen}"
        tier, usage = api.tier(call, filled), filled.usage or Usage(prompt=0)
        if not api.streamed(call):
            body = api.whole(call, filled, ident, model) if filled.body is None else filled.body
            ledger.answered(*who, model, tier, usage)
            await reply.send(200, headers, body)
            return
        made = api.events(call, filled, ident, model) if filled.body is None else iter((filled.body,))
        told = await self._stream(reply, headers, filled, made)
        if told == "whole" and filled.body is None and api.tells_usage(call):
            ledger.answered(*who, model, tier, usage)
        else:
            ledger.unreported(*who, model, error=told == "cut")
        if told == "cut":
            await reply.cut()
            return
        if ending := api.ending(call):
            await reply.write(ending)
        await reply.end()

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


_JSON: Final = {"content-type": "application/json"}
