"""A streamed chat completion, read chunk by chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_obs_core import semconv

from llm_obs_openai import content
from llm_obs_openai.response import IDENTITY, USAGE, extra, finish_reasons

if TYPE_CHECKING:
    from llm_obs_core.interfaces import AnswerClock
    from llm_obs_sdk.calls import Call

__all__ = ["ChatReader"]


class ChatReader:
    """A `ChunkReader` of chat completions.

    Args:
        clock: Of the stream.
        capture: Whether content is recorded.
    """

    __slots__ = ("capture", "choices", "clock", "first", "reasons", "settled", "usage")

    def __init__(self, clock: AnswerClock, capture: bool) -> None:
        self.clock = clock
        self.capture = capture
        self.first: Any = None
        self.usage: Any = None
        self.reasons: dict[int, str] = {}
        self.choices: dict[int, _Choice] = {}
        self.settled = False  # the clock has seen content: only counts are left to do

    def chunk(self, chunk: Any) -> None:
        """Looks at one chunk."""
        if self.settled:
            self.clock.chunks += 1
        else:
            self._first_ones(chunk)
        if (usage := getattr(chunk, "usage", None)) is not None:
            self.usage = usage
        for choice in getattr(chunk, "choices", None) or ():
            if choice.finish_reason is not None:
                self.reasons[choice.index] = choice.finish_reason
            if self.capture:
                made = self.choices.get(choice.index) or self.choices.setdefault(choice.index, _Choice())
                made.add(choice.delta)

    def _first_ones(self, chunk: Any) -> None:
        """Until text of the answer has come."""
        if self.first is None:
            self.first = chunk
        made = text = False
        for choice in getattr(chunk, "choices", None) or ():
            delta = choice.delta
            if delta is not None:
                text = text or bool(delta.content or delta.refusal)
                made = made or bool(delta.tool_calls or delta.function_call or extra(delta, "reasoning_content"))
        self.clock.chunk(delta=made or text, content=text)
        self.settled = text

    def whole(self) -> bool:
        """Never known: after a finish reason there may come the usage."""
        return False

    def messages(self) -> str | None:
        """What has come, as JSON text."""
        if not self.choices:
            return None
        said = [self.choices[index].message(self.reasons.get(index)) for index in sorted(self.choices)]
        return content.encode(said)

    def attributes(self, call: Call, outcome: str) -> dict[str, Any]:
        """Identity, finish reasons and usage."""
        found: dict[str, Any] = {}
        if self.first is not None:
            IDENTITY.into(found, self.first)
        if self.reasons:
            found[semconv.RESPONSE_FINISH_REASONS] = finish_reasons(self.reasons[n] for n in sorted(self.reasons))
        elif outcome != "completed":
            found[semconv.COMPLETENESS] = "aborted"
        USAGE.into(found, {"usage": self.usage})
        return found


class _Choice:
    """One choice's text, reasoning, refusal and tool calls, put together from its deltas."""

    __slots__ = ("calls", "reasoning", "refusal", "text")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, list[Any]] = {}

    def add(self, delta: Any) -> None:
        if delta is None:
            return
        if delta.content:
            self.text.append(delta.content)
            if delta.tool_calls is None:
                return
        if text := extra(delta, "reasoning_content"):
            self.reasoning.append(text)
        if delta.refusal:
            self.refusal.append(delta.refusal)
        for call in delta.tool_calls or ():
            made = self.calls.setdefault(call.index, [None, None, ""])
            made[0] = call.id or made[0]
            if call.function is not None:
                made[1] = call.function.name or made[1]
                made[2] += call.function.arguments or ""

    def message(self, reason: str | None) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if self.reasoning:
            parts.append({"type": "reasoning", "content": "".join(self.reasoning)})
        if self.text:
            parts.append({"type": "text", "content": "".join(self.text)})
        if self.refusal:
            parts.append(content.refused("".join(self.refusal)))
        parts += [content.tool_call(*self.calls[index]) for index in sorted(self.calls)]
        return content.output_message(parts, reason)
