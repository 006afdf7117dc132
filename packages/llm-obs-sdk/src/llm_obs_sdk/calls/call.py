"""One call under way: its span, and the one moment at which it ends.

Nothing here raises into the user's call: what telemetry cannot do is counted by the recorder's guard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_obs_core import semconv
from opentelemetry.trace import Span, StatusCode

from llm_obs_sdk.handles import CallHandle

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Recorder

    from llm_obs_sdk.calls.endpoint import Endpoint

__all__ = ["Call"]


class Call(CallHandle):
    """A call of an endpoint.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call, recording.
        capture: Whether content is recorded.
        endpoint: What is called.
    """

    __slots__ = ("capture", "endpoint")

    def __init__(self, recorder: Recorder, span: Span, capture: bool, endpoint: Endpoint) -> None:
        self.recorder = recorder
        self.span = span
        self.ended = False
        self.role = None
        self.capture = capture
        self.endpoint = endpoint

    @property
    def library(self) -> str:
        """Whose call it is, for messages."""
        return self.endpoint.library.name

    def answered(self, answer: Any) -> None:
        """Writes what the answer says, and ends the span. May raise; the span has ended then too."""
        self.ended = True
        span, endpoint = self.span, self.endpoint
        try:
            endpoint.answered.record(span, answer)
            if endpoint.outcome is not None:
                self.concluded(answer)
            if self.capture:
                span.set_attributes(endpoint.answer(answer))
            if self.role is not None:
                self.role.settle(span)
        finally:
            span.end()

    def last(self, answer: Any) -> dict[str, Any]:
        """What the answer says as attributes, for a span that ends later. May raise."""
        found: dict[str, Any] = {}
        self.endpoint.answered.into(found, answer)
        self.concluded(answer)
        if self.capture:
            found.update(self.endpoint.answer(answer))
        return found

    def concluded(self, answer: Any) -> None:
        """Writes how an answer ended, where a call that succeeds may bring one that failed."""
        if self.endpoint.outcome is None:
            return
        reason, failure = self.endpoint.outcome(answer)
        if reason is not None:
            self.span.set_attribute(semconv.RESPONSE_FINISH_REASONS, [reason])
        if failure is not None:
            self.failed(failure)

    def failed(self, kind: str) -> None:
        """Marks a call whose failure the provider has told in its answer."""
        self.span.set_attribute(semconv.ERROR_TYPE, kind)
        self.span.set_status(StatusCode.ERROR, kind)

    def status_of(self, error: BaseException) -> int | None:
        """The HTTP status that an exception of the library tells."""
        return self.endpoint.library.status_of(error)
