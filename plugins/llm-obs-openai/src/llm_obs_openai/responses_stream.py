"""A streamed response of the Responses API: events, the last of which carries the whole."""

from __future__ import annotations

from typing import Any, Final

from llm_obs_core import semconv

from llm_obs_openai import content
from llm_obs_openai.call import caught
from llm_obs_openai.response import fields
from llm_obs_openai.responses import TERMINAL
from llm_obs_openai.stream import StreamCall

__all__ = ["ResponsesStreamCall"]

TEXTS: Final = frozenset({"response.output_text.delta", "response.refusal.delta"})


class ResponsesStreamCall(StreamCall):
    """The call behind a stream of response events; see `StreamCall`."""

    __slots__ = ("failure", "text", "whole")

    def __init__(self, recorder: Any, span: Any, capture: bool, endpoint: Any) -> None:
        super().__init__(recorder, span, capture, endpoint)
        self.whole = False  # an event has carried the response in its last state
        self.text: list[str] = []
        self.failure: str | None = None

    def chunk(self, chunk: Any) -> None:
        """Looks at one event. Never raises."""
        try:
            said = chunk.__dict__
            if self.settled and not self.capture:
                self.clock.chunks += 1
            else:
                self._delta(said)
            if "response" in said:
                self.first = said["response"]
                self.whole = fields(self.first).get("status") in TERMINAL
            elif said.get("type") == "error":
                code = said.get("code")
                self.failure = code if isinstance(code, str) and code else "error"
        except Exception as error:  # an event of another shape, a clock that fails: the stream goes on
            caught(self.recorder, "chunk", error)

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

    def finish(self, outcome: str, error: BaseException | None = None) -> None:
        """As of every stream; one that is left when its last event has come is complete."""
        super().finish("completed" if self.whole and outcome in ("closed", "abandoned") else outcome, error)

    def _said(self) -> str | None:
        if self.whole:
            found: str | None = self.endpoint.answer(self.first).get(semconv.OUTPUT_MESSAGES)
            return found
        parts = [{"type": "text", "content": "".join(self.text)}] if self.text else []
        return content.encode([content.output_message(parts, None)])

    def _attributes(self, outcome: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.endpoint.answered.into(found, self.first)
        if self.whole:
            self.concluded(self.first)
        elif outcome != "completed" or self.failure is not None:
            found[semconv.COMPLETENESS] = "aborted"
        if self.failure is not None and outcome != "error":
            self.failed(self.failure)
        if self.status is not None:
            found[semconv.HTTP_RESPONSE_STATUS_CODE] = self.status
        return found
