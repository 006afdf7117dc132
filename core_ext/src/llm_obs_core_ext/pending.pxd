"""Spans of traces that head sampling did not choose and that are not decided yet: C contract for recorder and tracer."""

from libc.stdint cimport int64_t, uint64_t

from llm_obs_core_ext.spanqueue cimport ScopeBuffer, SpanQueue


cdef class Pending:
    cdef SpanQueue queue
    cdef readonly bint errors
    cdef readonly int64_t slow_ns          # 0 = no such rule
    cdef readonly uint64_t tokens          # 0 = no such rule
    cdef readonly size_t max_bytes
    cdef readonly size_t nbytes            # what undecided traces hold
    cdef readonly uint64_t spans           # how many spans they are
    cdef dict traces                       # id to undecided trace with spans, oldest first
    cdef PendingTrace begin(self, int64_t start_ns)
    cdef int bound(self, int64_t now_ns) except -1


cdef class PendingTrace:
    cdef Pending owner
    cdef list parts                        # (ScopeBuffer, span as bytes)
    cdef size_t nbytes
    cdef int64_t start_ns
    cdef uint64_t tokens
    cdef int state
    cdef bytes mark                        # the attribute that says which rule kept it
    cdef bint closed(self) noexcept
    cdef int ended(
        self, ScopeBuffer scope, bytes span, int64_t end_ns, bint root, bint error, uint64_t tokens
    ) except -1
    cdef int keep(self, str rule) except -1
    cdef int give_up(self, int state) except -1
    cdef list forget(self)
    cdef int emit(self, ScopeBuffer scope, bytes span) except -1
