"""Ranges of strings in a buffer, and all those of a scanned message; see `ranges.pxd`."""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport realloc

from llm_obs_core_ext.wire cimport *


cdef void more_ranges(Ranges* out) noexcept nogil:
    cdef size_t room = out.room * 2 + 1024
    cdef void* fresh = realloc(out.starts, room * sizeof(uint32_t))
    if fresh != NULL:
        out.starts = <uint32_t*> fresh
        fresh = realloc(out.ends, room * sizeof(uint32_t))
    if fresh == NULL:
        out.failed = True
        return
    out.ends = <uint32_t*> fresh
    out.room = room


cdef void add_message(Ranges* out, const uint8_t* base, int message, uint32_t at, uint32_t end) noexcept nogil:
    # Every string, and the bytes of bytes values, in a message of a scanned buffer.
    cdef Field f
    cdef int kind
    while at < end:
        next_field(base, at, end, 100, &f)
        at = f.end
        kind = otlp_kind(message, f.number, f.wire)
        if kind == K_STRING or kind == K_STRINGS or kind == K_TEXTBYTES:
            add_range(out, f.at, f.end)
        elif kind == K_MESSAGE or kind == K_MESSAGES:
            add_message(out, base, otlp_child(message, f.number), f.at, f.end)
