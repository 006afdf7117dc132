"""The span that writes protobuf as it is filled: C contract for the tracer."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.otlpwrite cimport Buf
from llm_obs_core_ext.spanqueue cimport ScopeBuffer


cdef struct Entry:
    Py_hash_t hash      # of the key; compared first
    uint32_t start      # offset of the KeyValue field in `attributes`
    uint32_t size       # its bytes; 0 = dead: set again or dropped


cdef class Limits:
    # -1 = no limit, as None in opentelemetry.sdk.trace.SpanLimits
    cdef readonly Py_ssize_t max_attributes, max_events, max_links
    cdef readonly Py_ssize_t max_event_attributes, max_link_attributes
    cdef readonly Py_ssize_t max_chars, max_nested_chars


cdef class RecordedSpan:
    cdef object __weakref__
    cdef dict __dict__
    cdef uint64_t trace_high, trace_low, span_id, parent_id
    cdef bint has_parent, parent_remote, escapes, marks_errors
    cdef uint8_t flags, parent_flags, kind_number, status_number
    cdef object trace_state, parent_state        # TraceState; None = empty
    cdef object _context, _parent                # SpanContext, made when asked for
    cdef object _name, _kind, _status_message
    cdef int64_t start_ns, end_ns                # end_ns 0 = still recording
    cdef Buf attributes_buf                      # KeyValues as `Span.attributes` fields
    cdef Entry *entries
    cdef uint32_t entry_count, entry_capacity, live_count
    cdef size_t dead_bytes
    cdef uint32_t dropped_attributes_n, dropped_events_n, dropped_links_n
    cdef list _events                            # each event as bytes; None = none yet
    cdef list _links                             # (Link, its bytes); None = none yet
    cdef ScopeBuffer scope
    cdef Limits limits
    cdef tuple processors
    cdef int set_one(self, object key, object value) except -1
    cdef int start_recording(self, object attributes, object links) except -1
    cdef bint has_key(self, Entry *entry, object key) except -1
    cdef int compact(self) except -1
    cdef int make_room(self) except -1
    cdef int keep(self, list items, object item, Py_ssize_t limit, uint32_t *dropped) except -1
    cdef size_t estimate(self) except? 0
    cdef int write(self, Buf *b) except -1

cdef int64_t now_ns() noexcept nogil
