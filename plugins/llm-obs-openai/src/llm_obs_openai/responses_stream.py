"""A streamed response of the Responses API: events, the last of which carries the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from llm_obs_core import semconv

from llm_obs_openai import content, responses_content
from llm_obs_openai.response import fields
from llm_obs_openai.responses import RESPONSE, TERMINAL

if TYPE_CHECKING:
    from llm_obs_core.interfaces import AnswerClock
    from llm_obs_sdk.calls import Call

__all__ = ["EventReader"]

TEXTS: Final = frozenset({"response.output_text.delta", "response.refusal.delta"})


class EventReader:
    """A `ChunkReader` of response events.

    Args:
        clock: Of the stream.
        capture: Whether content is recorded.
    """

    __slots__ = ("capture", "clock", "ended", "failure", "last", "settled", "text")

    def __init__(self, clock: AnswerClock, capture: bool) -> None:
        self.clock = clock
        self.capture = capture
        self.last: Any = None  # the response, as the last event had it that carried one
        self.ended = False  # … in its last state
        self.settled = False  # the clock has seen content: only counts are left to do
        self.text: list[str] = []
        self.failure: str | None = None

    def chunk(self, chunk: Any) -> None:
        """Looks at one event."""
        said = chunk.__dict__
        if self.settled and not self.capture:
            self.clock.chunks += 1
        else:
            self._delta(said)
        if "response" in said:
            self.last = said["response"]
            self.ended = fields(self.last).get("status") in TERMINAL
        elif said.get("type") == "error":
            code = said.get("code")
            self.failure = code if isinstance(code, str) and code else "error"

    def _delta(self, said: dict[str, Any]) -> None:
        kind, delta = said.get("type"), said.get("delta")
        text = kind in TEXTS and bool(delta)
        if self.settled:
            self.clock.chunks += 1
        else:
            made = text or (bool(delta) and isinstance(kind, str) and kind.endswith(".delta"))
            self.clock.chunk(delta=made, content=text)
            self.settled = text
        if text and self.capture:
            self.text.append(str(delta))

    def whole(self) -> bool:
        """Whether the response has come in its last state."""
        return self.ended

    def messages(self) -> str | None:
        """What has come, as JSON text."""
        if self.ended:
            return responses_content.answer(self.last).get(semconv.OUTPUT_MESSAGES)
        parts = [{"type": "text", "content": "".join(self.text)}] if self.text else []
        return content.encode([content.output_message(parts, None)])

    def attributes(self, call: Call, outcome: str) -> dict[str, Any]:
        """What the last response said, and how it ended."""
        found: dict[str, Any] = {}
        RESPONSE.into(found, self.last)
        if self.ended:
            call.concluded(self.last)
        elif outcome != "completed" or self.failure is not None:
            found[semconv.COMPLETENESS] = "aborted"
        if self.failure is not None and outcome != "error":
            call.failed(self.failure)
        return found
