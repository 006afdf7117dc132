"""Rows as Python objects, for plugins and tests; the hot path never comes here."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.wire cimport *

from llm_obs_core.model import Event, Link, Span


cdef str text_of(const uint8_t* base, uint32_t at, uint32_t length):
    return (<const char*> base)[at:at + length].decode("utf-8")


cdef object value_of(const uint8_t* base, uint32_t pos, uint32_t end):
    # An AnyValue.
    cdef Field f
    cdef double number
    cdef object value = None
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        kind = otlp_kind(M_ANYVALUE, f.number, f.wire)
        if kind == K_STRING:
            value = text_of(base, f.at, f.end - f.at)
        elif kind == K_TEXTBYTES:
            value = (<const char*> base)[f.at:f.end]
        elif kind == K_BOOL:
            value = f.value != 0
        elif kind == K_I64:
            value = <int64_t> f.value
        elif kind == K_F64:
            memcpy(&number, &f.value, 8)
            value = number
        elif kind == K_MESSAGE:
            value = array_of(base, f.at, f.end) if f.number == VALUE_ARRAY else attributes_of(base, f.at, f.end, M_KVLIST)
        elif kind == K_ABSENT:
            value = None
    return value


cdef list array_of(const uint8_t* base, uint32_t pos, uint32_t end):
    cdef Field f
    cdef list values = []
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        if f.number == 1 and f.wire == 2:
            values.append(value_of(base, f.at, f.end))
    return values


cdef dict attributes_of(const uint8_t* base, uint32_t pos, uint32_t end, int message):
    # The KeyValue fields of any message.
    cdef Field f
    cdef Field inner
    cdef uint32_t at
    cdef dict values = {}
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        if otlp_kind(message, f.number, f.wire) != K_MESSAGES or otlp_child(message, f.number) != M_KEYVALUE:
            continue
        key = ""
        value = None
        at = f.at
        while at < f.end:
            next_field(base, at, f.end, 100, &inner)
            at = inner.end
            if inner.number == 1 and inner.wire == 2:
                key = text_of(base, inner.at, inner.end - inner.at)
            elif inner.number == 2 and inner.wire == 2:
                value = value_of(base, inner.at, inner.end)
        values[key] = value
    return values


cdef dict attr_dict(const uint8_t* base, const Attr* attrs, uint32_t count):
    cdef uint32_t i
    cdef dict values = {}
    for i in range(count):
        values[text_of(base, attrs[i].key_at, attrs[i].key_length)] = attr_value(base, &attrs[i])
    return values


cdef object attr_value(const uint8_t* base, const Attr* attr):
    cdef uint32_t at = attr.value.text.at
    cdef uint32_t length = attr.value.text.length
    if attr.type == VALUE_STRING:
        return text_of(base, at, length)
    if attr.type == VALUE_INT:
        return attr.value.i64
    if attr.type == VALUE_BOOL:
        return attr.value.i64 != 0
    if attr.type == VALUE_DOUBLE:
        return attr.value.f64
    if attr.type == VALUE_BYTES:
        return (<const char*> base)[at:at + length]
    if attr.type == VALUE_ARRAY:
        return array_of(base, at, at + length)
    if attr.type == VALUE_KVLIST:
        return attributes_of(base, at, at + length, M_KVLIST)
    return None


cdef object event_of(const uint8_t* base, uint32_t at, uint32_t end):
    cdef Field f
    cdef uint32_t pos = at
    name, time_ns, dropped = "", 0, 0
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        kind = otlp_kind(M_EVENT, f.number, f.wire)
        if kind == K_STRING:
            name = text_of(base, f.at, f.end - f.at)
        elif kind == K_F64:
            time_ns = f.value
        elif kind == K_U32:
            dropped = f.value & 0xFFFFFFFF
    return Event(name, time_ns, attributes_of(base, at, end, M_EVENT), dropped)


cdef object link_of(const uint8_t* base, uint32_t at, uint32_t end):
    cdef Field f
    cdef uint32_t pos = at
    trace_id, span_id, state, dropped, flags = b"", b"", "", 0, 0
    while pos < end:
        next_field(base, pos, end, 100, &f)
        pos = f.end
        kind = otlp_kind(M_LINK, f.number, f.wire)
        if kind == K_BYTES and f.number == 1:
            trace_id = (<const char*> base)[f.at:f.end]
        elif kind == K_BYTES:
            span_id = (<const char*> base)[f.at:f.end]
        elif kind == K_STRING:
            state = text_of(base, f.at, f.end - f.at)
        elif kind == K_U32:
            dropped = f.value & 0xFFFFFFFF
        elif kind == K_F32:
            flags = f.value
    return Link(trace_id, span_id, state, attributes_of(base, at, end, M_LINK), dropped, flags)


def read_span(SpanBatch batch, Py_ssize_t index):
    """Row `index` as a Struct."""
    if not 0 <= index < batch.row_count:
        raise IndexError(f"expected a row below {batch.row_count}, got {index}")
    cdef SpanRow* row = &batch.rows[index]
    cdef ScopeRow* scope = &batch.scopes[row.head.scope]
    cdef ResourceRow* resource = &batch.resources[scope.resource]
    cdef const uint8_t* base = batch.bases[row.head.buffer]
    cdef const uint8_t* scope_base = batch.bases[scope.buffer]
    cdef const uint8_t* resource_base = batch.bases[resource.buffer]
    cdef Field f
    cdef uint32_t pos = row.head.at
    cdef list events = []
    cdef list links = []
    if row.events_count or row.links_count:
        while pos < row.head.at + row.head.length:
            next_field(base, pos, row.head.at + row.head.length, 100, &f)
            pos = f.end
            if f.wire == 2 and f.number == 11:
                events.append(event_of(base, f.at, f.end))
            elif f.wire == 2 and f.number == 13:
                links.append(link_of(base, f.at, f.end))
    parent = (<const char*> row.parent_id)[:8]
    return Span(
        trace_id=(<const char*> row.trace_id)[:16],
        span_id=(<const char*> row.span_id)[:8],
        parent_span_id=parent if parent != bytes(8) else None,
        name=text_of(base, row.name.at, row.name.length),
        kind=row.kind,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        status_code=row.status_code,
        status_message=text_of(base, row.status_message.at, row.status_message.length),
        attributes=attr_dict(base, batch.attrs + row.head.attrs, row.head.attrs_count),
        events=events,
        links=links,
        resource=attr_dict(resource_base, batch.attrs + resource.attrs, resource.attrs_count),
        scope_name=text_of(scope_base, scope.name.at, scope.name.length),
        scope_version=text_of(scope_base, scope.version.at, scope.version.length),
        scope_attributes=attr_dict(scope_base, batch.attrs + scope.attrs, scope.attrs_count),
        trace_state=text_of(base, row.trace_state.at, row.trace_state.length),
        flags=row.flags,
        dropped_attributes_count=row.head.dropped_attributes,
        dropped_events_count=row.dropped_events,
        dropped_links_count=row.dropped_links,
    )
