# llm_obs.hist.v1, many at once: values are noted with their group, then sorted and counted.
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t


cdef extern from *:
    """
    static inline int hist_bits(uint64_t v) { return 64 - __builtin_clzll(v); }
    """
    int hist_bits(uint64_t v) nogil  # v is not 0


cdef struct Notes:
    uint64_t* values     # group << 16 | bucket
    size_t count         # at most what there is room for


cdef inline void note(Notes* notes, uint32_t group, int64_t value) noexcept nogil:
    cdef uint32_t exponent
    if value < 32:
        exponent = <uint32_t> max(value, 0)
    else:
        exponent = hist_bits(<uint64_t> value) - 6
        exponent = ((exponent + 1) << 5) + <uint32_t> (value >> exponent) - 32
    notes.values[notes.count] = <uint64_t> group << 16 | exponent
    notes.count += 1


# `list<uint16>` of buckets, ascending, and `list<uint32>` of their counts, one list a group. Uses the notes up.
cdef tuple take_histograms(Notes* notes, size_t groups)
