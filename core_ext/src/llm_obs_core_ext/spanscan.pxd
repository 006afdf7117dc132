# One span of a request into one row.
from libc.stdint cimport uint32_t

from llm_obs_core_ext.batch cimport CANONICAL, Range
from llm_obs_core_ext.check cimport BAD_UTF8, Scan
from llm_obs_core_ext.wire cimport Field, utf8_valid

cdef enum:
    NOWHERE = 0xFFFFFFFF


cdef int scan_span(Scan* s, uint32_t at, uint32_t end, int depth) noexcept nogil


cdef inline void reject(Scan* s, int reason, uint32_t index, uint32_t count) noexcept nogil:
    if s.counts[reason] == 0 or index < s.firsts[reason]:
        s.firsts[reason] = index
    s.counts[reason] += count


cdef inline int check_text(Scan* s, const Field* f, Range* out) noexcept nogil:
    out.at = f.at
    out.length = f.end - f.at
    return (CANONICAL if out.length else 0) | (0 if utf8_valid(s.base + f.at, out.length) else BAD_UTF8)
