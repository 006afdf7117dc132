"""Attached to the application's own tracer provider: its spans reach our queue through one SpanProcessor."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any

from llm_obs_core.errors import ConfigError
from llm_obs_core_ext.encode import SpanEncoder
from llm_obs_core_ext.spanqueue import SpanQueue
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import SpanContext, TraceState

from llm_obs_sdk.attribution import current_attributes
from llm_obs_sdk.sampling import kept

__all__ = ["AttachedProcessor", "attach"]

log = logging.getLogger("llm_obs.sdk")

PREFIXES = ("gen_ai.", "llm.", "llm_obs.", "openinference.", "traceloop.", "langfuse.", "ai.")
MAX_WANTED = 65536


class AttachedProcessor(SpanProcessor):
    """Takes the spans that have to do with models, and their ancestors in this process; the others are not ours.

    A span is taken when one of its attributes is of a GenAI vocabulary, when our own tracer made it, or when a span
    below it was taken before it ended. Existing processors and exporters see what they saw before, except that every
    span of an `llm_obs.context` block carries its attributes.

    Args:
        queue: Where taken spans go.
        threshold: Rejection threshold of head sampling among the traces that the provider's own sampler has kept.
    """

    def __init__(self, queue: SpanQueue, threshold: int = 0) -> None:
        self._queue = queue
        self._threshold = threshold
        self._lock = threading.Lock()
        self._encoder = SpanEncoder(queue)
        self._wanted: OrderedDict[int, None] = OrderedDict()
        self._active = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Sets the attributes of `llm_obs.context`."""
        if self._active:
            for key, value in current_attributes(parent_context):
                span.set_attribute(key, value)

    def on_end(self, span: ReadableSpan) -> None:
        """Encodes the span into the queue when it is one of ours. Never raises."""
        if not self._active:
            return
        try:
            context = span.context
            if context is None or not context.trace_flags.sampled:
                return
            if self._wanted.pop(context.span_id, 0) == 0 and not _about_models(span):
                return
            parent = span.parent
            if parent is not None and not parent.is_remote:
                self._wanted[parent.span_id] = None
                if len(self._wanted) > MAX_WANTED:
                    self._wanted.popitem(last=False)
            if self._threshold:
                found = kept(context, self._threshold)
                if found is None:
                    with self._lock:
                        self._queue.sampled_out += 1
                    return
                span = _with_state(span, context, found.state)
            self._encoder.add(span)
        except Exception:  # never into the user's call; the queue has counted the span or never saw it
            log.exception("a finished span could not be taken over")

    def detach(self) -> None:
        """Lets nothing through any more: a provider cannot remove a processor."""
        self._active = False

    def shutdown(self) -> None:
        """The provider ends: the client's own shutdown delivers what is queued."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """The client's `flush` delivers; there is nothing to do here."""
        return True


def _with_state(span: ReadableSpan, context: SpanContext, state: TraceState) -> ReadableSpan:
    """The span with another tracestate; the provider's own object, which others read too, stays as it is."""
    if state is context.trace_state:
        return span
    copied: ReadableSpan = object.__new__(type(span))
    vars(copied).update(vars(span))
    copied._context = SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, state)
    return copied


def _about_models(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    if scope is not None and scope.name == "llm_obs":
        return True
    return any(key.startswith(PREFIXES) for key in span.attributes or ())


def attach(provider: Any, queue: SpanQueue, threshold: int) -> AttachedProcessor:
    """Adds our processor to a provider.

    Raises:
        ConfigError: The provider takes no span processors.
    """
    if not hasattr(provider, "add_span_processor"):
        raise ConfigError(
            "a tracer provider with add_span_processor, such as opentelemetry.sdk.trace.TracerProvider",
            got=f"{type(provider).__module__}.{type(provider).__qualname__}",
            where="init(tracer_provider=)",
            fix="leave tracer_provider out to use llm-obs's own",
        )
    processor = AttachedProcessor(queue, threshold)
    provider.add_span_processor(processor)
    return processor
