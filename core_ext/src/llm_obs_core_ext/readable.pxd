"""A span's fields: C contract for the half that fills them."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.otlpwrite cimport Buf
from llm_obs_core_ext.spanqueue cimport ScopeBuffer


cdef struct Entry:
    Py_hash_t hash      # of the key; compared first
    uint32_t start      # offset of the KeyValue field in `attributes`
    uint32_t size       # its bytes; 0 = dead: set again or dropped


cdef class ReadableSpan:
    cdef object __weakref__
    cdef dict __dict__
    cdef uint64_t trace_high, trace_low, span_id, parent_id
    cdef bint has_parent, parent_remote
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
