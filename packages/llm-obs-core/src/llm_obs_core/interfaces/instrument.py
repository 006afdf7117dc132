"""In the application: instrumentors, which the SDK loads, and the recorder that they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

__all__ = [
    "AnswerClock",
    "Call",
    "CallTemplate",
    "Guard",
    "Instrumentor",
    "Recorder",
    "Step",
    "StepKind",
]

T = TypeVar("T")
StepKind = Literal["internal", "client"]
"""Where a step happens: in this process, or in a service that it calls. OpenTelemetry's kind of the span."""


class Guard(Protocol):
    """Keeps what goes wrong in telemetry away from the user's call."""

    @property
    def errors(self) -> int:
        """Exceptions caught so far (`instrumentation_errors`)."""

    def __call__(self, what: str) -> AbstractContextManager[None, bool]:
        """A block in which an `Exception` is caught, counted and, the first time of its kind, logged."""

    def call(self, function: Callable[..., T], *args: Any, default: T | None = None) -> T | None:
        """The function's result, or `default` when it raises."""

    def caught(self, what: str, error: BaseException) -> None:
        """Counts an exception that the caller has caught."""


class AnswerClock(Protocol):
    """Times a streamed answer; it starts when it is made.

    Attributes:
        chunks: How many have come.
    """

    chunks: int

    def chunk(self, *, delta: bool, content: bool) -> None:
        """Counts one chunk: `delta`, it carries something generated; `content`, it carries text of the answer."""

    def finish(self, span: Span, outcome: str) -> None:
        """Writes the times, the number of chunks and the outcome.

        Args:
            span: The span of the call.
            outcome: `completed`, `closed`, `cancelled`, `error` or `abandoned`.
        """


class CallTemplate(Protocol):
    """What all calls of one operation on one server start with; `llm_obs_sdk.fields.CallTemplate` encodes it once."""

    def name(self, model: str | None) -> str:
        """The span's name."""

    def first(self, model: str | None, body: dict[str, Any]) -> dict[str, Any]:
        """The attributes that the span starts with."""


class Call(Protocol):
    """One model call under way: a span that is not current, and ends once."""

    @property
    def span(self) -> Span:
        """The span; it may be one that does not record."""

    @property
    def ended(self) -> bool:
        """Whether it has ended."""

    def end(self, attributes: Mapping[str, Any] | None = None, *, at_ns: int | None = None) -> None:
        """Writes the last attributes and ends the span, now or at a time in Unix nanoseconds; once. Never raises."""

    def raised(self, error: BaseException) -> None:
        """Ends it with the exception that goes on to the user; giving a call up is no error. Never raises."""


class Step(Call, Protocol):
    """One step of a workflow under way: a chain, an agent, a tool, a retrieval."""

    def active(self) -> AbstractContextManager[None]:
        """A block in which the span is current: what is recorded there is inside the step. It does not end it."""


class Recorder(Protocol):
    """What an instrumentor records with, given to `Instrumentor.instrument`; `llm_obs_sdk.Recorder` is one."""

    @property
    def tracer(self) -> Tracer:
        """An OpenTelemetry API tracer, of the SDK or of the provider that it is attached to."""

    @property
    def capture_content(self) -> bool:
        """Whether prompts and answers may be recorded."""

    @property
    def guard(self) -> Guard:
        """Runs telemetry code so that nothing of it raises into the user's call."""

    def suppressed(self) -> bool:
        """Whether somebody above (OpenTelemetry's suppress key) asked for no instrumentation here."""

    def start_call(
        self,
        operation: str,
        provider: str,
        model: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        *,
        parent: Call | None = None,
    ) -> Call | None:
        """Starts the CLIENT span of one model call, named ``{operation} {model}``; None when `suppressed`.

        Args:
            operation: `gen_ai.operation.name`, one of `semconv.MODEL_CALLS`.
            provider: `gen_ai.provider.name`.
            model: `gen_ai.request.model`.
            attributes: Of the request: all that a head sampler may want.
            parent: The call or step that it belongs to, where that is not the current span.
        """

    def start_step(
        self,
        operation: str,
        kind: StepKind = "internal",
        name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        *,
        parent: Call | None = None,
    ) -> Step | None:
        """Starts the span of a step, named ``{operation} {name}``; None when `suppressed`.

        Args:
            operation: `gen_ai.operation.name`, such as `invoke_agent`, `execute_tool`, `retrieval`, `invoke_workflow`.
            kind: Where it happens.
            name: Of the agent, the tool, the workflow: also the attribute that the conventions have for it.
            attributes: Of the request.
            parent: As for `start_call`.
        """

    def claim(self, call: Call) -> AbstractContextManager[None]:
        """A block in which model calls are `call` once more: a framework's span claims what its client does inside.

        Each of them has its span, inside that of `call`, and all together are counted once. What the provider's client
        reports is preferred: then `call` ends with `llm_obs.usage.role` `rollup`. A call inside that has no usage, or
        that ends when `call` was counted already, says that it is a `duplicate`. Embeddings and other model calls are
        different calls.
        """

    def begin(self, template: CallTemplate, model: str | None, body: dict[str, Any]) -> Span | None:
        """Starts a call's span as `start_call` does, for calls by the thousand: see `llm_obs_sdk.calls`."""

    def content(self, span: Span, key: str, value: Any) -> None:
        """Records messages, tool arguments or a document as JSON text, when content is captured at all."""

    def fail(self, span: Span, error: BaseException, *, kind: str | None = None, status: int | None = None) -> None:
        """Marks a span as failed: `error.type`, HTTP status, status ERROR, the exception's event."""

    def clock(self) -> AnswerClock:
        """A clock for a streamed answer; it starts now."""


class Instrumentor(Protocol):
    """A span producer inside the application: wraps a library's calls.

    `instrument` and `uninstrument` may each be called twice. After `uninstrument` every wrapped attribute *is* the
    original again. Nothing raises into the user's call, and the object that the call returns is the library's own.
    """

    def instrument(self, recorder: Recorder) -> None:
        """Wraps. Symbols that are missing are skipped with one warning each."""

    def uninstrument(self) -> None:
        """Restores the originals."""

    def wrapped(self) -> Mapping[str, bool]:
        """Symbol to whether it is wrapped, for `llm-obs plugins`."""
