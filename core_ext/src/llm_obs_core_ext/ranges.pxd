# Where strings are in a buffer.
from libc.stdint cimport uint8_t, uint32_t


cdef struct Ranges:
    uint32_t* starts      # freed by the caller, like ends
    uint32_t* ends
    size_t count
    size_t room
    bint failed           # out of memory


cdef void more_ranges(Ranges* out) noexcept nogil
# Every string, and the bytes of bytes values, in a message (M_SPAN, …) of a scanned buffer.
cdef void add_message(Ranges* out, const uint8_t* base, int message, uint32_t at, uint32_t end) noexcept nogil


cdef inline void add_range(Ranges* out, uint32_t at, uint32_t end) noexcept nogil:
    if at == end or out.failed:
        return
    if out.count == out.room:
        more_ranges(out)
        if out.failed:
            return
    out.starts[out.count] = at
    out.ends[out.count] = end
    out.count += 1
