"""Fields by a table: C contract for call templates."""

from llm_obs_core_ext.recorder cimport RecordedSpan


cdef class Fields:
    cdef tuple names, keys, converters
    cdef bytes kinds
    cdef int add(self, dict found, RecordedSpan span, object item) except -1


cdef class Part:
    cdef Fields table
    cdef readonly object there, missing


cdef class Always:
    cdef readonly object value


cdef class Each:
    cdef str field
    cdef dict words
    cdef object values(self, object items)
