"""Starting recorded spans: ids, parents, head sampling.

Ids come from a xoshiro256++ generator that the GIL serialises and that a forked child seeds anew. Sampling is consistent
probability by trace id (W3C tracestate ``ot=th``, 56 bits): a root is recorded when the low 56 bits of its trace id are at
least the threshold; a span with a parent follows the parent's sampled flag. Any OpenTelemetry `Sampler` can stand in.
"""

import os

from cpython.contextvars cimport PyContextVar_Get
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from opentelemetry import context as context_api, trace as api
from opentelemetry.trace.propagation import _SPAN_KEY

from llm_obs_core_ext.pending cimport Pending, PendingTrace
from llm_obs_core_ext.recorder cimport Limits, RecordedSpan, now_ns
from llm_obs_core_ext.spanqueue cimport ScopeBuffer
from llm_obs_core_ext.template cimport CallTemplate

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object, object) except? NULL

cdef object SpanContext = api.SpanContext
cdef object TraceFlags = api.TraceFlags
cdef object TraceState = api.TraceState
cdef object NonRecordingSpan = api.NonRecordingSpan
cdef object SPAN_KEY = _SPAN_KEY
cdef dict KINDS = {kind: kind.value + 1 for kind in api.SpanKind}
cdef object CLIENT = api.SpanKind.CLIENT
cdef tuple SUPPRESSED = (context_api._SUPPRESS_INSTRUMENTATION_KEY, "suppress_instrumentation")
cdef uint64_t LOW_56 = (<uint64_t>1 << 56) - 1
cdef uint64_t seed[4]


cdef inline uint64_t rotate(uint64_t x, int k) noexcept:
    return (x << k) | (x >> (64 - k))


cdef uint64_t random64() noexcept:
    """The next number that is not zero."""
    cdef uint64_t result = 0, t
    while result == 0:
        result = rotate(seed[0] + seed[3], 23) + seed[0]
        t = seed[1] << 17
        seed[2] ^= seed[0]
        seed[3] ^= seed[1]
        seed[1] ^= seed[2]
        seed[0] ^= seed[3]
        seed[2] ^= t
        seed[3] = rotate(seed[3], 45)
    return result


def reseed():
    """Seeds the id generator from the operating system; a forked child must, or it repeats its parent's ids."""
    cdef bytes fresh = os.urandom(32)
    memcpy(seed, <const char *>fresh, 32)


reseed()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reseed)


cdef class RecordingTracer:
    """A tracer of the OpenTelemetry API whose spans are `RecordedSpan`s.

    Args:
        scope: Where finished spans go.
        limits: The span limits.
        threshold: Rejection threshold of head sampling: 0 records every root, 2**56 none.
        sampler: An OpenTelemetry `Sampler` that decides instead; None uses the threshold.
        processors: Called as ``on_start(span, context)``, ``on_ending(span)``, ``on_end(span)``; must not raise.
        pending: Records traces that the threshold rejects until their local root's end decides; None records none of them.
        attributes_key: Key in the OpenTelemetry context of a tuple of (key, value) pairs that every span gets.
    """

    cdef readonly ScopeBuffer scope
    cdef readonly Limits limits
    cdef readonly uint64_t threshold
    cdef readonly object sampler
    cdef readonly tuple processors
    cdef object attributes_key, state, variable
    cdef Pending pending
    cdef dict __dict__

    def __init__(
        self, ScopeBuffer scope not None, Limits limits not None, uint64_t threshold, sampler, processors, attributes_key,
        Pending pending=None,
    ):
        self.scope = scope
        self.limits = limits
        self.threshold = threshold
        self.sampler = sampler
        self.processors = tuple(processors)
        self.attributes_key = attributes_key
        self.pending = pending
        if threshold and threshold <= LOW_56:
            self.state = TraceState([("ot", "th:" + f"{threshold:014x}".rstrip("0"))])
        runtime = context_api._RUNTIME_CONTEXT
        variable = getattr(runtime, "_current_context", None)
        self.variable = variable if type(runtime).__name__ == "ContextVarsRuntimeContext" else None

    def start_span(
        self, name, context=None, kind=api.SpanKind.INTERNAL, attributes=None, links=None, start_time=None,
        record_exception=True, set_status_on_exception=True,
    ):
        """Starts a span; see `opentelemetry.trace.Tracer.start_span`. Never raises for what telemetry cannot use."""
        return self.start(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception, None, None, None
        )

    def start_call(self, CallTemplate template not None, model, dict body not None):
        """Starts the CLIENT span of a model call from its template; the request's `body` gives the rest.

        None when somebody above asked for no instrumentation, by OpenTelemetry's key in the context or its older one.
        """
        cdef PyObject *found
        context = self.current()
        for key in SUPPRESSED:
            found = PyDict_GetItemWithError(context, key)
            if found != NULL and <object>found:
                return None
        name = template.name_of(model)
        if self.sampler is not None:
            return self.start(name, context, CLIENT, template.first(model, body), None, None, True, True, None, None, None)
        return self.start(name, context, CLIENT, None, None, None, True, True, template, model, body)

    cdef object start(
        self, object name, object context, object kind, object attributes, object links, object start_time,
        bint record_exception, bint set_status_on_exception, CallTemplate template, object model, object body,
    ):
        cdef RecordedSpan span, above
        cdef PyObject *found
        cdef object parent = None, parent_context = None, state = None, sampled_attributes = attributes
        cdef uint64_t high = 0, low = 0, parent_id = 0
        cdef uint8_t parent_flags = 0, flags
        cdef bint has_parent = False, remote = False, recording, local_root = False
        cdef PendingTrace trace = None
        cdef int64_t started = 0
        if context is None:
            context_now = self.current()
        else:
            context_now = context
        found = PyDict_GetItemWithError(context_now, SPAN_KEY)
        if found != NULL:
            parent = <object>found
            if isinstance(parent, RecordedSpan):
                above = <RecordedSpan>parent
                has_parent = True
                high = above.trace_high
                low = above.trace_low
                parent_id = above.span_id
                parent_flags = above.flags
                state = above.trace_state
                trace = above.pending
            elif isinstance(parent, api.Span):
                parent_context = parent.get_span_context()
                if parent_context is not None and parent_context.is_valid:
                    has_parent = True
                    high = <uint64_t>(parent_context.trace_id >> 64)
                    low = <uint64_t>(parent_context.trace_id & 0xFFFFFFFFFFFFFFFF)
                    parent_id = <uint64_t>parent_context.span_id
                    parent_flags = <uint8_t>int(parent_context.trace_flags)
                    remote = parent_context.is_remote
                    state = parent_context.trace_state or None
        parent_state = state
        if has_parent:
            flags = parent_flags & 2
        else:
            high = random64()
            low = random64()
            flags = 2
        if self.sampler is not None:
            result = self.sampler.should_sample(
                context, (<object>high << 64) | low, name, kind, attributes, links or ()
            )
            recording = result.decision.is_recording()
            if result.decision.is_sampled():
                flags |= 1
            sampled_attributes = result.attributes
            state = result.trace_state or None
        elif has_parent:
            recording = parent_flags & 1
            flags |= parent_flags & 1
        else:
            recording = (low & LOW_56) >= self.threshold
            flags |= recording
            state = self.state
        if not recording and self.sampler is None and self.pending is not None:
            started = now_ns() if start_time is None else <int64_t>start_time
            if trace is None and (not has_parent or remote):
                trace = self.pending.begin(started)
                local_root = True
            recording = trace is not None and not trace.closed()
            if not has_parent:
                state = None  # no threshold: what a rule keeps stands beside the sample
        else:
            trace = None
        if not recording:
            self.scope.queue.sampled_out += 1
            return NonRecordingSpan(
                SpanContext((<object>high << 64) | low, random64(), False, TraceFlags(flags), state if has_parent else None)
            )
        span = RecordedSpan.__new__(RecordedSpan)
        span.trace_high = high
        span.trace_low = low
        span.span_id = random64()
        span.flags = flags
        span.trace_state = state
        span.has_parent = has_parent
        span.parent_id = parent_id
        span.parent_remote = remote
        span.parent_flags = parent_flags
        span.parent_state = parent_state
        span._parent = parent_context if has_parent else None
        span._name = name if PyUnicode_CheckExact(name) else str(name)
        span._kind = kind
        span.kind_number = KINDS.get(kind, 1)
        span.escapes = record_exception
        span.marks_errors = set_status_on_exception
        span.scope = self.scope
        span.limits = self.limits
        span.pending = trace
        span.local_root = local_root
        if started:
            span.start_ns = started
        else:
            span.start_ns = now_ns() if start_time is None else <int64_t>start_time
        if self.attributes_key is not None:
            found = PyDict_GetItemWithError(context_now, self.attributes_key)
            if found != NULL:
                for pair in <tuple><object>found:
                    span.set_attribute(pair[0], pair[1])
        if template is not None:
            template.write(span, model, body)
        else:
            span.start_recording(sampled_attributes, links)
        if self.processors:
            span.processors = self.processors
            for processor in self.processors:
                processor.on_start(span, context)
        return span

    cdef object current(self):
        cdef PyObject *value = NULL
        if self.variable is None:
            return context_api.get_current()
        PyContextVar_Get(self.variable, NULL, &value)
        if value == NULL:
            return {}
        current = <object>value
        release(value)
        return current


cdef extern from *:
    """
    static void release_reference(PyObject *value) { Py_DECREF(value); }
    """
    void release "release_reference"(PyObject *)
