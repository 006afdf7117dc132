"""What an instrumentor stands on: a tracer, the content switch, a guard, and helpers for model calls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, cast

from llm_obs_core import semconv
from llm_obs_core_ext.tracer import RecordingTracer
from opentelemetry import context as otel
from opentelemetry import trace as api

from llm_obs_sdk import claims
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.handles import CallHandle, StepHandle

if TYPE_CHECKING:  # the other interfaces come with it, which an application does not need
    from llm_obs_core.interfaces import Call, CallTemplate, StepKind

__all__ = ["Recorder", "StreamClock"]

Begin = Callable[["CallTemplate", "str | None", dict[str, Any]], "api.Span | None"]

# Found once: these are looked up in every call.
_CLIENT = api.SpanKind.CLIENT
_OPERATION = semconv.OPERATION_NAME
_PROVIDER = semconv.PROVIDER_NAME
_MODEL = semconv.REQUEST_MODEL

_KINDS: Final[Mapping[StepKind, api.SpanKind]] = {"internal": api.SpanKind.INTERNAL, "client": api.SpanKind.CLIENT}
_NAMES: Final[Mapping[str, str]] = {
    "create_agent": semconv.AGENT_NAME,
    "execute_tool": semconv.TOOL_NAME,
    "invoke_agent": semconv.AGENT_NAME,
    "invoke_workflow": semconv.WORKFLOW_NAME,
}
"""Where the conventions want the name of what a step runs."""


class StreamClock:
    """Times a streamed answer on the monotonic clock."""

    __slots__ = ("chunks", "first_content_s", "first_s", "started_ns")

    def __init__(self) -> None:
        self.started_ns = time.perf_counter_ns()
        self.first_s: float | None = None
        self.first_content_s: float | None = None
        self.chunks = 0

    def chunk(self, *, delta: bool, content: bool) -> None:
        """Counts one chunk.

        Args:
            delta: It carries something that was generated (text, reasoning, a tool call), not only a role.
            content: It carries text of the answer.
        """
        self.chunks += 1
        if self.first_content_s is None and (delta or content):
            elapsed_s = (time.perf_counter_ns() - self.started_ns) / 1e9
            if self.first_s is None:
                self.first_s = elapsed_s
            if content:
                self.first_content_s = elapsed_s

    def finish(self, span: api.Span, outcome: str) -> None:
        """Writes time to first chunk and content, the number of chunks, and how the stream ended.

        Args:
            span: The span of the call.
            outcome: `completed`, `closed`, `cancelled`, `error` or `abandoned`.
        """
        if self.first_s is not None:
            span.set_attribute(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, self.first_s)
        if self.first_content_s is not None:
            span.set_attribute(semconv.TIME_TO_FIRST_CONTENT, self.first_content_s)
        span.set_attribute(semconv.STREAM_CHUNKS, self.chunks)
        span.set_attribute(semconv.STREAM_OUTCOME, outcome)


class Recorder:
    """The `Recorder` of `llm_obs_core.interfaces`, given to `Instrumentor.instrument`.

    Args:
        tracer: An OpenTelemetry API tracer.
        capture_content: Whether prompts and answers may be recorded.
        guard: Runs telemetry code so that nothing of it raises into the user's call.

    Attributes:
        begin: `begin(template, model, body)` starts the span of a call as `start_call` does: what all calls of its kind
            have in common is in the template, the rest in the request's body. None when `suppressed()`.
    """

    def __init__(self, tracer: api.Tracer, capture_content: bool, guard: Guard) -> None:
        self.tracer = tracer
        self.capture_content = capture_content
        self.guard = guard
        # Our own tracer's method itself: one Python frame less in every call. It takes the SDK's own templates only,
        # which are the only ones that there are.
        self.begin: Begin = cast(Begin, tracer.start_call) if isinstance(tracer, RecordingTracer) else self._begin

    def start_call(
        self,
        operation: str,
        provider: str,
        model: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        *,
        parent: Call | None = None,
    ) -> CallHandle | None:
        """Starts the CLIENT span of one model call, named ``{operation} {model}``; None when `suppressed`.

        Attributes that a head sampler may want are set at once.
        """
        if self.suppressed():
            return None
        first = {_OPERATION: operation, _PROVIDER: provider}
        if model:
            first[_MODEL] = model
        first.update(attributes or {})
        name = f"{operation} {model}" if model else operation
        call = CallHandle(self, self.tracer.start_span(name, _context(parent), _CLIENT, first))
        if claims.used:
            call.role = claims.inside(operation)
        return call

    def start_step(
        self,
        operation: str,
        kind: StepKind = "internal",
        name: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        *,
        parent: Call | None = None,
    ) -> StepHandle | None:
        """Starts the span of a step, named ``{operation} {name}``; None when `suppressed`."""
        if self.suppressed():
            return None
        first: dict[str, Any] = {_OPERATION: operation}
        if name and operation in _NAMES:
            first[_NAMES[operation]] = name
        first.update(attributes or {})
        shown = f"{operation} {name}" if name else operation
        return StepHandle(self, self.tracer.start_span(shown, _context(parent), _KINDS[kind], first))

    def claim(self, call: Call) -> AbstractContextManager[None]:
        """A block in which model calls are `call` once more; see `llm_obs_sdk.claims`.

        Raises:
            TypeError: The call is not one of this SDK.
        """
        if not isinstance(call, CallHandle):
            raise TypeError(f"expected a call that start_call gave, got {type(call).__name__}")
        attributes = getattr(call.span, "attributes", None) or {}
        return claims.claiming(call, str(attributes.get(_OPERATION, "chat")))

    def _begin(self, template: CallTemplate, model: str | None, body: dict[str, Any]) -> api.Span | None:
        if self.suppressed():
            return None
        return self.tracer.start_span(template.name(model), None, _CLIENT, template.first(model, body))

    def content(self, span: api.Span, key: str, value: Any) -> None:
        """Records messages, tool arguments or a document as JSON text, when content is captured at all."""
        if not self.capture_content or value is None:
            return
        with self.guard("content"):
            if not isinstance(value, str):
                value = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
            span.set_attribute(key, value)

    def fail(self, span: api.Span, error: BaseException, *, kind: str | None = None, status: int | None = None) -> None:
        """Marks a span as failed: `error.type`, `http.response.status_code`, status ERROR and the exception's event.

        The exception's text may quote the prompt: it is left out, as is the stack trace, unless content is captured.
        """
        with self.guard("error recording"):
            name = kind or type(error).__qualname__
            span.set_attribute(semconv.ERROR_TYPE, name)
            if status is not None:
                span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, status)
            if self.capture_content:
                span.record_exception(error)
                span.set_status(api.StatusCode.ERROR, f"{type(error).__name__}: {error}")
            else:
                span.add_event("exception", {semconv.EXCEPTION_TYPE: type(error).__qualname__})
                span.set_status(api.StatusCode.ERROR, name)

    def clock(self) -> StreamClock:
        """A clock for a streamed answer; it starts now."""
        return StreamClock()

    @staticmethod
    def suppressed() -> bool:
        """Whether somebody above (OpenTelemetry's suppress key) asked for no instrumentation here."""
        current = otel.get_current()
        return bool(current.get(otel._SUPPRESS_INSTRUMENTATION_KEY) or current.get("suppress_instrumentation"))


def _context(parent: Call | None) -> otel.Context | None:
    return None if parent is None else api.set_span_in_context(parent.span)
