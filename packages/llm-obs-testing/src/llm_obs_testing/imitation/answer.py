"""What the imitation answers: text, tool calls, usage, delays, errors. Everything not said is made up from the seed."""

from __future__ import annotations

import msgspec

__all__ = ["Answer", "ToolCall", "Usage"]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts as the API reports them: `cached` and `audio_in` are part of `prompt`, the rest of `completion`."""

    prompt: int
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0


class ToolCall(msgspec.Struct, frozen=True):
    """A tool that the model wants called; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer.

    Attributes:
        status: HTTP status; from 400 on the answer is an error.
        error_type: `error.type` of an error.
        error_code: `error.code`.
        message: `error.message`.
        retry_after_ms: Header `retry-after-ms`, which the client obeys.
        text: The content; several pieces are several chunks of a stream. None makes some up.
        reasoning: Reasoning text before the content, as servers that speak `reasoning_content` send it.
        tools: Tool calls instead of content.
        refusal: A refusal instead of content.
        finish_reason: None: `tool_calls` with tools, else `stop`.
        usage: None: counted from the texts.
        model: The model that answers; None: the dated name of the one asked for.
        service_tier: What the answer says; None: what was asked for, else `default`.
        delay_s: Seconds before the first byte.
        chunk_delay_s: Seconds before each chunk of a stream.
        chunk_delays_s: Seconds before the first chunks, one each; `chunk_delay_s` for the rest.
        empty_first: Whether a stream has a chunk with empty content after the one with the role.
        cut_after: Chunks of a stream after which the connection is cut; -1 cuts before the head.
        body: Bytes instead of a proper body.
    """

    status: int = 200
    error_type: str = ""
    error_code: str | None = None
    message: str = ""
    retry_after_ms: int | None = None
    text: str | tuple[str, ...] | None = None
    reasoning: tuple[str, ...] = ()
    tools: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    service_tier: str | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    chunk_delays_s: tuple[float, ...] = ()
    empty_first: bool = False
    cut_after: int | None = None
    body: bytes | None = None

    def pieces(self) -> tuple[str, ...]:
        """The content as the pieces of a stream: as given, or word by word."""
        if isinstance(self.text, tuple):
            return self.text
        words = (self.text or "").split(" ")
        return tuple(word if place == 0 else f" {word}" for place, word in enumerate(words))

    def content(self) -> str:
        """The whole content."""
        return self.text if isinstance(self.text, str) else "".join(self.text or ())
