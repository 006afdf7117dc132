"""The span buffer of one pipeline: finished spans as bytes, per resource and scope, with an exact ledger."""

from libc.stdint cimport uint8_t, uint64_t

from llm_obs_core_ext.otlpwrite cimport Buf


cdef class ScopeBuffer:
    cdef Buf spans                  # finished spans as `ScopeSpans.spans` fields
    cdef Py_ssize_t count           # spans in it
    cdef readonly object resource   # the OpenTelemetry Resource
    cdef readonly object scope      # the OpenTelemetry InstrumentationScope, or None
    cdef bytes resource_head        # `ResourceSpans.resource`
    cdef bytes resource_tail        # `ResourceSpans.schema_url`, or empty
    cdef bytes scope_head           # `ScopeSpans.scope`
    cdef bytes scope_tail           # `ScopeSpans.schema_url`, or empty
    cdef SpanQueue queue


cdef size_t scope_size(ScopeBuffer scope, size_t spans) except? 0
cdef uint8_t *write_part(uint8_t *p, bytes part) except NULL
cdef uint8_t *write_scope(uint8_t *p, ScopeBuffer scope, Buf *spans) except NULL


cdef class SpanQueue:
    cdef readonly size_t max_bytes
    cdef readonly size_t batch_bytes
    cdef readonly size_t max_span_bytes
    cdef readonly size_t queued_bytes      # buffered and in flight
    cdef readonly uint64_t created
    cdef readonly uint64_t exported
    cdef readonly uint64_t queued          # spans buffered and in flight
    cdef readonly uint64_t spooled         # spans that wait on disk
    cdef readonly uint64_t recovered       # spans of earlier processes that were taken over from there
    cdef readonly uint64_t buffered        # spans buffered, not yet taken
    cdef public uint64_t sampled_out       # spans that head sampling did not record; not part of `created`
    cdef dict _dropped
    cdef list _scopes
    cdef object _ready
    cdef object _notify
    cdef str _closed                       # why nothing is admitted any more; None while open
    cdef int admit(self, size_t estimate, bint error) except -1
    cdef int commit(self, ScopeBuffer scope, size_t before) except -1
    cdef int _drop(self, str reason, uint64_t count) except -1
    cdef int lose(self, str reason, uint64_t count) except -1
    cdef int take_over(self, ScopeBuffer scope, bytes span, bytes more, bint error) except -1
