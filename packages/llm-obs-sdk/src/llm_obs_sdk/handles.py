"""Calls and steps under way: a span each, that ends once, and what goes wrong on the way stays here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from llm_obs_core import semconv
from opentelemetry import context as otel
from opentelemetry import trace as api

from llm_obs_sdk.attribution import detach

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Recorder

    from llm_obs_sdk.claims import Role

__all__ = ["CANCELLED", "CallHandle", "StepHandle", "caught", "status_code"]

CANCELLED: Final = frozenset({"CancelledError", "Cancelled", "KeyboardInterrupt", "GeneratorExit"})
"""Names of exceptions with which somebody gives a call up (asyncio, trio, the interpreter): no errors of the call."""

T = TypeVar("T")


def caught(recorder: Recorder, library: str, what: str, error: Exception) -> None:
    """Counts what telemetry could not do."""
    try:
        recorder.guard.caught(f"{library} ({what})", error)
    except Exception:  # a guard that fails itself: nothing is left to tell
        return


def status_code(error: BaseException) -> int | None:
    """The HTTP status of an exception that has it as `status_code`."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


class CallHandle:
    """A `Call` of `llm_obs_core.interfaces`.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call.

    Attributes:
        role: What makes sure that a call which several spans report is counted once; None when no other reports it.
    """

    __slots__ = ("__weakref__", "ended", "recorder", "role", "span")

    def __init__(self, recorder: Recorder, span: api.Span) -> None:
        self.recorder = recorder
        self.span = span
        self.ended = False
        self.role: Role | None = None

    @property
    def library(self) -> str:
        """Whose call it is, for messages."""
        return "a call"

    def quietly(self, what: str, function: Callable[..., T], *args: Any) -> T | None:
        """The function's result; None when it raises, which the recorder's guard counts if it can."""
        try:
            return function(*args)
        except Exception as error:  # telemetry never reaches the user's call
            caught(self.recorder, self.library, what, error)
            return None

    def end(self, attributes: Mapping[str, Any] | None = None, *, at_ns: int | None = None) -> None:
        """Writes the last attributes and ends the span. Later calls do nothing. Never raises."""
        if not self.ended:
            self.ended = True
            self.quietly("end", self._end, attributes, at_ns)

    def _end(self, attributes: Mapping[str, Any] | None, at_ns: int | None) -> None:
        try:
            if attributes:
                self.span.set_attributes(attributes)
            if self.role is not None:
                self.role.settle(self.span)
        finally:
            self.span.end(at_ns)

    def raised(self, error: BaseException) -> None:
        """The call ended with an exception, which goes on to the user. Never raises."""
        if not self.ended:
            self.quietly("error", self.mark, error)
            self.end()

    def mark(self, error: BaseException) -> None:
        """Writes what kind of failure it was. May raise."""
        if type(error).__name__ in CANCELLED:
            self.span.set_attribute(semconv.COMPLETENESS, "aborted")
            return
        self.recorder.fail(self.span, error, status=self.status_of(error))

    def status_of(self, error: BaseException) -> int | None:
        """The HTTP status that an exception of the library tells."""
        return status_code(error)


class StepHandle(CallHandle):
    """A `Step` of `llm_obs_core.interfaces`."""

    __slots__ = ()

    @property
    def library(self) -> str:
        """Whose step it is, for messages."""
        return "a step"

    @contextmanager
    def active(self) -> Iterator[None]:
        """A block in which the span is current. It does not end it."""
        token = otel.attach(api.set_span_in_context(self.span))
        try:
            yield
        finally:
            detach(token)
