"""Our own tracer provider: the OpenTelemetry API on the recorder of core_ext."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from llm_obs_core.errors import ConfigError
from llm_obs_core_ext.pending import Pending
from llm_obs_core_ext.recorder import Limits, RecordedSpan
from llm_obs_core_ext.spanqueue import SpanQueue
from llm_obs_core_ext.tracer import RecordingTracer
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util._decorator import _agnosticcontextmanager
from opentelemetry.util.types import Attributes

from llm_obs_sdk.attribution import ATTRIBUTES_KEY

__all__ = ["Provider", "Tracer"]

log = logging.getLogger("llm_obs.sdk")


class Tracer(RecordingTracer, api.Tracer):
    """A tracer whose spans are written as OTLP bytes; see `opentelemetry.trace.Tracer`."""

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: api.SpanKind = api.SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[api.Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[api.Span]:
        """Starts a span and makes it current for the block."""
        span = self.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )
        with api.use_span(span, end_on_exit, record_exception, set_status_on_exception) as used:
            yield used


class _Processor:
    """A foreign SpanProcessor; it sees finished spans as the SDK's own ReadableSpan, and its errors stay with it."""

    def __init__(self, inner: SpanProcessor) -> None:
        self.inner = inner

    def on_start(self, span: RecordedSpan, parent: Context | None) -> None:
        self._call("on_start", span, parent)

    def on_ending(self, span: RecordedSpan) -> None:
        self._call("_on_ending", span)

    def on_end(self, span: RecordedSpan) -> None:
        self._call("on_end", readable(span))

    def _call(self, name: str, *args: Any) -> None:
        try:
            getattr(self.inner, name)(*args)
        except Exception:  # a stranger's processor: reported, never raised into the user's call
            log.exception("span processor %s failed in %s", type(self.inner).__name__, name)


def readable(span: RecordedSpan) -> ReadableSpan:
    """A snapshot of a recorded span as OpenTelemetry's ReadableSpan."""
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=dict(span.attributes),
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class Provider(api.TracerProvider):
    """Makes tracers that share one resource, sampler, set of limits and queue.

    Args:
        queue: Where finished spans go.
        resource: The OpenTelemetry resource.
        threshold: Rejection threshold of head sampling, 0 to 2**56.
        sampler: An OpenTelemetry `Sampler` that decides instead of the threshold.
        limits: Span limits; None reads the `OTEL_*` variables.
        pending: What records the traces that the threshold rejects until they are decided; None records none of them.
    """

    def __init__(
        self,
        queue: SpanQueue,
        resource: Resource,
        threshold: int,
        sampler: Any = None,
        limits: SpanLimits | None = None,
        pending: Pending | None = None,
    ) -> None:
        self.pending = pending
        self.resource = resource
        self._queue = queue
        self._threshold = threshold
        self._sampler = sampler
        self._limits = Limits(limits or _limits())
        self._processors: list[_Processor] = []
        self._lock = threading.Lock()
        self._tracers: dict[tuple[Any, ...], Tracer] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """A tracer for one instrumentation scope; the same arguments give the same one."""
        items = tuple(sorted((key, repr(value)) for key, value in (attributes or {}).items()))
        key = (instrumenting_module_name, instrumenting_library_version, schema_url, items)
        with self._lock:
            tracer = self._tracers.get(key)
            if tracer is None:
                scope = InstrumentationScope(
                    instrumenting_module_name or "", instrumenting_library_version or "", schema_url, attributes
                )
                tracer = Tracer(
                    self._queue.scope(self.resource, scope),
                    self._limits,
                    self._threshold,
                    self._sampler,
                    self._processors,
                    ATTRIBUTES_KEY,
                    self.pending,
                )
                self._tracers[key] = tracer
            return tracer

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Lets an OpenTelemetry processor see the spans of tracers that are made from now on."""
        self._processors.append(_Processor(span_processor))

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Flushes the added processors; the client's own delivery has `flush`."""
        return all(item.inner.force_flush(timeout_millis) for item in self._processors)

    def shutdown(self) -> None:
        """Shuts the added processors down."""
        for item in self._processors:
            item.inner.shutdown()

    def after_fork(self) -> None:
        """A forked child needs a lock that nobody holds, and waits for no trace of its parent."""
        if self.pending is not None:
            self.pending.reset()
        self._lock = threading.Lock()


def _limits() -> SpanLimits:
    """The limits of the `OTEL_*_LIMIT` variables.

    Raises:
        ConfigError: One of them is no number.
    """
    try:
        return SpanLimits()
    except ValueError as error:
        name = next((word for word in str(error).split() if word.startswith("OTEL_")), "an OTEL_*_LIMIT variable")
        raise ConfigError("a number from 0", got=str(error), where=name, fix=f"correct {name} or remove it") from None
