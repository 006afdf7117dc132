"""What the spans of one operation have in common: C contract for the tracer."""

from libc.stdint cimport uint32_t

from llm_obs_core_ext.fields cimport Fields
from llm_obs_core_ext.otlpwrite cimport Buf
from llm_obs_core_ext.readable cimport Entry
from llm_obs_core_ext.recorder cimport RecordedSpan


cdef class CallTemplate:
    cdef readonly str operation
    cdef readonly dict attributes
    cdef Fields fields
    cdef dict names
    cdef Buf preset             # the constant attributes, encoded
    cdef Entry *entries         # where each lies in it
    cdef uint32_t count
    cdef object name_of(self, object model)
    cdef int write(self, RecordedSpan span, object model, object body) except -1
    cdef bint copies(self, RecordedSpan span) noexcept
