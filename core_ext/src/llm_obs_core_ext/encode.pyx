"""OpenTelemetry SDK spans as OTLP bytes.

Means byte for byte what ``opentelemetry.exporter.otlp.proto.common.trace_encoder.encode_spans(spans).SerializeToString()``
means: grouping by equal resource and scope in order of first sight, attribute rules, presence of empty messages. A value
that OTLP cannot hold drops its attribute with a warning, as there; lone surrogates become U+FFFD instead.
"""

import logging

from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact, PyDict_Next
from cpython.object cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.otlpwrite cimport (
    KEEP_EMPTY_KEYS, Buf, buf_free, buf_need, clean, close_length, put_big64, put_byte, put_count, put_fixed64,
    put_key_value, put_plain, put_raw, put_string, varint_size, write_varint,
)
from llm_obs_core_ext.spanqueue cimport ScopeBuffer, SpanQueue, scope_size, write_part, write_scope

cdef extern from "Python.h":
    unsigned long long PyLong_AsUnsignedLongLongMask(object) except? <unsigned long long>-1

cdef object log = logging.getLogger("llm_obs.sdk")


cdef int put_attributes(Buf *b, uint8_t tag, object attributes) except -1:
    cdef dict inner
    cdef Py_ssize_t at = 0
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    if attributes is None:
        return 0
    if PyDict_CheckExact(attributes):
        inner = <dict>attributes
    else:
        found = getattr(attributes, "_dict", None)  # BoundedAttributes
        inner = <dict>found if PyDict_CheckExact(found) else dict(attributes)
    while PyDict_Next(inner, &at, &key, &value):
        if not PyUnicode_CheckExact(<object>key) or not put_plain(b, tag, <str>key, <object>value, KEEP_EMPTY_KEYS):
            put_attribute(b, tag, <object>key, <object>value)
    return 0


cdef int put_attribute(Buf *b, uint8_t tag, object key, object value) except -1:
    # The rarer keys and values; this may run Python code.
    try:
        if not PyUnicode_CheckExact(key):
            if not isinstance(key, str):
                raise TypeError(f"expected a key of type str, got {type(key).__name__}")
            key = str.__str__(key)
        if put_key_value(b, tag, <str>key, value, KEEP_EMPTY_KEYS):
            put_key_value(b, tag, <str>key, clean(value, True, 0), KEEP_EMPTY_KEYS)
    except Exception as error:
        log.warning("attribute %r was not encoded: %s", key, error)
    return 0


cdef int put_context_ids(Buf *b, object context) except -1:
    cdef object trace_id, span_id
    if isinstance(context, tuple):  # SpanContext: its fields without their properties
        trace_id, span_id = (<tuple>context)[0], (<tuple>context)[1]
    else:
        trace_id, span_id = context.trace_id, context.span_id
    buf_need(b, 28)
    put_byte(b, 0x0A)
    put_byte(b, 16)
    put_big64(b, PyLong_AsUnsignedLongLongMask(trace_id >> 64))
    put_big64(b, PyLong_AsUnsignedLongLongMask(trace_id))
    put_byte(b, 0x12)
    put_byte(b, 8)
    put_big64(b, PyLong_AsUnsignedLongLongMask(span_id))
    return 0


cdef int put_flags(Buf *b, object context) except -1:
    cdef uint32_t flags = 0x100
    if context is not None and context and context.is_remote:
        flags = 0x300
    buf_need(b, 4)
    put_raw(b, &flags, 4)
    return 0


cdef int put_time(Buf *b, uint8_t tag, object time) except -1:
    cdef uint64_t ns
    if time is not None:
        ns = PyLong_AsUnsignedLongLongMask(time)
        if ns:
            buf_need(b, 9)
            put_fixed64(b, tag, ns)
    return 0


cdef uint32_t dropped_of(object container) except? 0xFFFFFFFF:
    """`dropped` of a BoundedAttributes or BoundedList; plain containers have none."""
    if PyDict_CheckExact(container) or isinstance(container, (tuple, list)):
        return 0
    return getattr(container, "dropped", 0)


cdef class Known:
    """What the last spans had in common, by identity: the SDK shares these objects between spans."""

    cdef object types       # the SDK's own span classes, whose fields may be read without their properties
    cdef object empty_state
    cdef object status, description, kind
    cdef uint32_t code
    cdef uint8_t kind_number


cdef Known known = Known()


cdef int put_span(Buf *b, object span) except -1:
    """A ReadableSpan as a `ScopeSpans.spans` field."""
    cdef size_t mark, inner
    cdef object context, parent, state, status, kind, events, links, attributes, start, end, name
    cdef dict fields
    cdef uint32_t dropped_attributes, dropped_events, dropped_links
    if known.types is None:
        from opentelemetry.sdk import trace as sdk

        known.types = {sdk.ReadableSpan, sdk.Span, sdk._Span}
    if type(span) in known.types:
        fields = <dict>span.__dict__
        context, parent, name, kind = fields["_context"], fields["_parent"], fields["_name"], fields["_kind"]
        start, end, status = fields["_start_time"], fields["_end_time"], fields["_status"]
        attributes, events, links = fields["_attributes"], fields["_events"], fields["_links"]
        dropped_attributes = dropped_of(attributes)
        dropped_events = dropped_of(events)
        dropped_links = dropped_of(links)
        events = getattr(events, "_dq", events)  # BoundedList
        links = getattr(links, "_dq", links)
    else:
        dropped_attributes, dropped_events, dropped_links = (
            span.dropped_attributes, span.dropped_events, span.dropped_links
        )
        context, parent, name, kind = span.get_span_context(), span.parent, span.name, span.kind
        start, end, status = span.start_time, span.end_time, span.status
        attributes, events, links = span.attributes, span.events, span.links
    buf_need(b, 4)
    put_byte(b, 0x12)
    mark = b.size
    b.size += 2
    put_context_ids(b, context)
    state = (<tuple>context)[4] if isinstance(context, tuple) else context.trace_state
    if state is not known.empty_state:
        if state:
            put_string(b, 0x1A, ",".join([f"{key}={value}" for key, value in state.items()]))
        else:
            known.empty_state = state
    if parent:
        buf_need(b, 10)
        put_byte(b, 0x22)
        put_byte(b, 8)
        put_big64(b, PyLong_AsUnsignedLongLongMask(parent.span_id))
    put_string(b, 0x2A, name)
    if kind is not known.kind:  # an enum's hash and value cost a Python call each
        known.kind_number = kind.value + 1
        known.kind = kind
    buf_need(b, 2)
    put_byte(b, 0x30)
    put_byte(b, known.kind_number)
    put_time(b, 0x39, start)
    put_time(b, 0x41, end)
    put_attributes(b, 0x4A, attributes)
    put_count(b, 0x50, dropped_attributes)
    if events:
        for event in events:
            buf_need(b, 2)
            put_byte(b, 0x5A)
            inner = b.size
            b.size += 1
            put_time(b, 0x09, event.timestamp)
            put_string(b, 0x12, event.name)
            put_attributes(b, 0x1A, event.attributes)
            put_count(b, 0x20, event.dropped_attributes)
            close_length(b, inner, 1)
    put_count(b, 0x60, dropped_events)
    if links:
        for link in links:
            buf_need(b, 2)
            put_byte(b, 0x6A)
            inner = b.size
            b.size += 1
            put_context_ids(b, link.context)
            put_attributes(b, 0x22, link.attributes)
            put_count(b, 0x28, link.dropped_attributes)
            buf_need(b, 1)
            put_byte(b, 0x35)
            put_flags(b, link.context)
            close_length(b, inner, 1)
    put_count(b, 0x70, dropped_links)
    if status is not None:
        if status is not known.status:
            known.code = status.status_code.value
            known.description = status.description
            known.status = status
        buf_need(b, 2)
        put_byte(b, 0x7A)
        inner = b.size
        b.size += 1
        put_string(b, 0x12, known.description)
        put_count(b, 0x18, known.code)
        close_length(b, inner, 1)
    buf_need(b, 2)
    put_byte(b, 0x85)
    put_byte(b, 0x01)
    put_flags(b, parent)
    return close_length(b, mark, 2)


cdef class SpanEncoder:
    """Encodes finished spans one at a time into a queue, which counts them.

    Args:
        queue: The queue.
    """

    cdef SpanQueue queue
    cdef dict by_identity, by_value
    cdef list alive    # what the ids in by_identity stand for

    def __cinit__(self, SpanQueue queue not None):
        self.queue = queue
        self.by_identity = {}
        self.by_value = {}
        self.alive = []

    cdef ScopeBuffer scope_of(self, object resource, object scope):
        key = (id(resource), id(scope))
        found = self.by_identity.get(key)
        if found is None:
            found = self.by_value.get((resource, scope))
            if found is None:
                found = self.by_value[resource, scope] = self.queue.scope(resource, scope)
            if len(self.alive) >= 1024:  # a provider that makes a new scope object each time
                self.by_identity.clear()
                self.alive.clear()
            self.alive.append((resource, scope))
            self.by_identity[key] = found
        return <ScopeBuffer>found

    def add(self, span):
        """Encodes one span; the queue's ledger says whether there was room."""
        cdef ScopeBuffer scope = self.scope_of(span.resource, span.instrumentation_scope)
        cdef Buf local = Buf(NULL, 0, 0)
        cdef size_t before
        cdef bint error = span.status.status_code.value == 2
        try:
            put_span(&local, span)
            # From here on nothing runs Python code, so that no other thread can come between.
            if self.queue.admit(local.size, error):
                before = scope.spans.size
                buf_need(&scope.spans, local.size)
                put_raw(&scope.spans, local.data, local.size)
                self.queue.commit(scope, before)
        finally:
            buf_free(&local)


def encode_spans(spans):
    """Encodes a sequence of ReadableSpans as one ExportTraceServiceRequest.

    Args:
        spans: Finished `opentelemetry.sdk.trace.ReadableSpan`s.

    Returns:
        The serialised request; b"" for no spans.
    """
    cdef dict resources = {}    # resource -> {scope: ScopeBuffer}, in order of first sight
    cdef dict scopes
    cdef ScopeBuffer group = None
    cdef object resource, scope
    cdef object last_resource = None, last_scope = None
    cdef size_t total = 0, body, inner
    cdef list bodies = []
    cdef bytes out
    cdef uint8_t *p
    for span in spans:
        if known.types is not None and type(span) in known.types:
            resource, scope = span._resource, span._instrumentation_scope or None
        else:
            resource, scope = span.resource, span.instrumentation_scope or None
        if group is None or resource is not last_resource or scope is not last_scope:
            scopes = resources.get(resource)
            if scopes is None:
                scopes = resources[resource] = {}
            group = scopes.get(scope)
            if group is None:
                group = scopes[scope] = ScopeBuffer(None, resource, scope)
            last_resource, last_scope = resource, scope
        put_span(&group.spans, span)
    for scopes in resources.values():
        body = 0
        for group in scopes.values():
            inner = scope_size(group, group.spans.size)
            body += 1 + varint_size(inner) + inner
        body += len(group.resource_head) + len(group.resource_tail)
        bodies.append(body)
        total += 1 + varint_size(body) + body
    out = PyBytes_FromStringAndSize(NULL, total)
    p = <uint8_t *><char *>out
    for body, scopes in zip(bodies, resources.values()):
        p[0] = 0x0A
        p = write_varint(p + 1, body)
        group = next(iter(scopes.values()))
        p = write_part(p, group.resource_head)
        for group in scopes.values():
            p = write_scope(p, group, &group.spans)
        p = write_part(p, group.resource_tail)
    return out
