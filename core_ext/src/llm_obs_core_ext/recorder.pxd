"""The span that writes protobuf as it is filled: C contract for the tracer."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from llm_obs_core_ext.otlpwrite cimport Buf
from llm_obs_core_ext.pending cimport PendingTrace
from llm_obs_core_ext.readable cimport Entry, ReadableSpan


cdef class Limits:
    # -1 = no limit, as None in opentelemetry.sdk.trace.SpanLimits
    cdef readonly Py_ssize_t max_attributes, max_events, max_links
    cdef readonly Py_ssize_t max_event_attributes, max_link_attributes
    cdef readonly Py_ssize_t max_chars, max_nested_chars


cdef class RecordedSpan(ReadableSpan):
    cdef bint escapes, marks_errors
    cdef Limits limits
    cdef tuple processors
    cdef PendingTrace pending       # what it belongs to while its trace is not decided; None when it was chosen
    cdef bint local_root            # its end decides that trace
    cdef int set_one(self, object key, object value) except -1
    cdef int start_recording(self, object attributes, object links) except -1
    cdef bint has_key(self, Entry *entry, object key) except -1
    cdef int compact(self) except -1
    cdef int make_room(self) except -1
    cdef int keep(self, list items, object item, Py_ssize_t limit, uint32_t *dropped) except -1
    cdef int undecided(self) except -1
    cdef uint64_t count_of(self, str key) except? 0
    cdef size_t estimate(self) except? 0
    cdef int write(self, Buf *b) except -1

cdef int64_t now_ns() noexcept nogil
