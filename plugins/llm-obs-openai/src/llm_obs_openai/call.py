"""One call under way: its span, and the one moment at which it ends.

Nothing here raises: what telemetry cannot do is counted by the recorder's guard, and the call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llm_obs_core import semconv
from opentelemetry.trace import StatusCode

__all__ = ["CANCELLED", "Call", "caught", "quietly"]

CANCELLED: Final = frozenset({"CancelledError", "Cancelled", "KeyboardInterrupt", "GeneratorExit"})
"""Names of exceptions with which somebody gives a call up (asyncio, trio, the interpreter): no errors of the call."""


def quietly(recorder: Any, what: str, function: Callable[..., Any], *args: Any) -> Any:
    """The function's result; None when it raises, which the recorder's guard counts if it can."""
    try:
        return function(*args)
    except Exception as error:  # telemetry never reaches the user's call
        caught(recorder, what, error)
        return None


def caught(recorder: Any, what: str, error: Exception) -> None:
    """Counts what telemetry could not do."""
    try:
        recorder.guard.caught(f"openai ({what})", error)
    except Exception:  # a guard that fails itself: nothing is left to tell
        return


class Call:
    """A span that ends once.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call, recording.
        capture: Whether content is recorded.
        endpoint: The `llm_obs_openai.endpoint.Endpoint` that is called.
    """

    __slots__ = ("__weakref__", "capture", "ended", "endpoint", "recorder", "span")

    def __init__(self, recorder: Any, span: Any, capture: bool, endpoint: Any) -> None:
        self.recorder = recorder
        self.span = span
        self.capture = capture
        self.endpoint = endpoint
        self.ended = False

    def end(self, attributes: dict[str, Any] | None = None, *, at_ns: int | None = None) -> None:
        """Writes the last attributes and ends the span. Later calls do nothing. May raise; see `quietly`."""
        if self.ended:
            return
        self.ended = True
        try:
            if attributes:
                self.span.set_attributes(attributes)
        finally:
            self.span.end(at_ns)

    def answered(self, answer: Any) -> None:
        """Writes what the answer says, and ends the span. May raise; see `quietly`."""
        self.ended = True
        span = self.span
        try:
            self.endpoint.answered.record(span, answer)
            if self.endpoint.outcome is not None:
                self.concluded(answer)
            if self.capture:
                span.set_attributes(self.endpoint.answer(answer))
        finally:
            span.end()

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

    def raised(self, error: BaseException) -> None:
        """The call ended with an exception, which goes on to the user."""
        quietly(self.recorder, "error", self._raised, error)

    def _raised(self, error: BaseException) -> None:
        if self.ended:
            return
        try:
            self.mark(error)
        finally:
            self.end()

    def mark(self, error: BaseException) -> None:
        """Writes what kind of failure it was."""
        if type(error).__name__ in CANCELLED:
            self.span.set_attribute(semconv.COMPLETENESS, "aborted")
            return
        status = getattr(error, "status_code", None)
        self.recorder.fail(self.span, error, status=status if isinstance(status, int) else None)
