"""An instrumentor of the made-up provider `echo`: all that a provider has to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from llm_obs_core import semconv
from llm_obs_core.interfaces import AnswerClock
from llm_obs_sdk.calls import (
    Call,
    CallInstrumentor,
    CallStarter,
    Endpoint,
    Library,
    Place,
    Request,
    Servers,
    Shape,
    read_object,
)
from llm_obs_sdk.fields import Always, Fields, Part

MODULE = "llm_obs_testing.echo.client"
ECHO = Library("echo", Shape("_lines", "http", "reply"), status_of=lambda error: getattr(error, "code", None))

COUNTS = Fields((("in", semconv.USAGE_INPUT_TOKENS, "count"), ("out", semconv.USAGE_OUTPUT_TOKENS, "count")))
ANSWERED = Fields(
    (
        ("ref", semconv.RESPONSE_ID, "text"),
        ("engine", semconv.RESPONSE_MODEL, "text"),
        ("stop", semconv.RESPONSE_FINISH_REASONS, lambda reason: ["stop" if reason == "end" else reason]),
        ("counts", semconv.USAGE_BASIS, Part(COUNTS, "reported", "partial")),
        ("", semconv.HTTP_RESPONSE_STATUS_CODE, Always(200)),
    )
)
ASKED = Fields(
    (("limit", semconv.REQUEST_MAX_TOKENS, "count"), ("lines", semconv.REQUEST_STREAM, lambda lines: lines or None))
)


def message(role: str, text: Any) -> str:
    """One message in the conventions' JSON form."""
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def answer_text(answer: Any) -> Any:
    """Of the client's object, or of a raw answer's decoded JSON."""
    return answer.get("text") if isinstance(answer, dict) else answer.text


class Lines:
    """Reads one stream: a `ChunkReader`."""

    def __init__(self, clock: AnswerClock, capture: bool) -> None:
        self.clock, self.capture = clock, capture
        self.text: list[str] = []
        self.last: Any = None

    def chunk(self, chunk: Any) -> None:
        self.clock.chunk(delta=bool(chunk.piece), content=bool(chunk.piece))
        if chunk.piece is None:
            self.last = chunk
        elif self.capture:
            self.text.append(chunk.piece)

    def whole(self) -> bool:
        return self.last is not None

    def messages(self) -> str | None:
        return message("assistant", "".join(self.text)) if self.text else None

    def attributes(self, call: Call, outcome: str) -> dict[str, Any]:
        found: dict[str, Any] = {} if self.last or outcome == "completed" else {semconv.COMPLETENESS: "aborted"}
        ANSWERED.into(found, self.last)
        return found


GENERATE = Endpoint(
    ECHO,
    "generate",
    "text_completion",
    {},
    ASKED,
    ANSWERED,
    read_object,
    question=lambda body: {semconv.INPUT_MESSAGES: message("user", body["prompt"])},
    answer=lambda answer: {semconv.OUTPUT_MESSAGES: message("assistant", answer_text(answer))},
    identity=Fields((("who", semconv.USER_ID, "text"),)),
    stream=Lines,
)
SERVERS = Servers(lambda client, host, port: "echo", url="url")


def request(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Request:
    """Of `send(body)` and of `pieces(prompt, engine)`."""
    body = args[1] if len(args) > 1 else kwargs.get("body", kwargs.get("prompt"))
    if not isinstance(body, dict):
        engine = args[2] if len(args) > 2 else kwargs.get("engine", "echo-1")
        body = {"prompt": body, "engine": engine, "lines": True}
    return GENERATE, SERVERS.template(args[0], GENERATE), body["engine"], body, body["lines"]


def make() -> CallInstrumentor:
    """The instrumentor."""
    owners = ("EchoClient", "AsyncEchoClient")
    places = [Place(MODULE, owner, name) for owner in owners for name in ("send", "pieces")]
    return CallInstrumentor(CallStarter(ECHO, request), places)
