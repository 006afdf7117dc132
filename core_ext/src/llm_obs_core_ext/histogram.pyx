"""Histograms of many groups as list columns; see `histogram.pxd`. The format is `llm_obs_core.histogram`'s."""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport malloc
from libc.string cimport memset

from llm_obs_core_ext.arrow cimport Memory, make_arrow, take_memory


cdef void sort(uint64_t* values, uint64_t* spare, size_t count) noexcept nogil:
    # Byte by byte from the lowest; bytes in which no two values differ are left out.
    cdef size_t places[256]
    cdef uint64_t differ = 0
    cdef uint64_t* source = values
    cdef uint64_t* target = spare
    cdef uint32_t shift
    cdef size_t i, at, size
    for i in range(count):
        differ |= values[i] ^ values[0]
    for shift in range(0, 64, 8):
        if not (differ >> shift) & 255:
            continue
        memset(places, 0, sizeof(places))
        for i in range(count):
            places[(source[i] >> shift) & 255] += 1
        at = 0
        for i in range(256):
            size = places[i]
            places[i] = at
            at += size
        for i in range(count):
            target[places[(source[i] >> shift) & 255]] = source[i]
            places[(source[i] >> shift) & 255] += 1
        source, target = target, source
    if source != values:
        for i in range(count):
            values[i] = source[i]


cdef size_t count_runs(
    const uint64_t* values, size_t count, size_t groups, int32_t* offsets, uint16_t* buckets, uint32_t* counts
) noexcept nogil:
    cdef size_t i
    cdef size_t group = 0
    cdef size_t used = 0
    for i in range(count):
        if i and values[i] == values[i - 1]:
            counts[used - 1] += 1
            continue
        while group <= values[i] >> 16:
            offsets[group] = <int32_t> used
            group += 1
        buckets[used] = <uint16_t> values[i]
        counts[used] = 1
        used += 1
    while group <= groups:
        offsets[group] = <int32_t> used
        group += 1
    return used


cdef tuple take_histograms(Notes* notes, size_t groups):
    cdef Memory offsets = take_memory(<uint8_t*> malloc((groups + 1) * 4), (groups + 1) * 4)
    cdef Memory buckets = take_memory(<uint8_t*> malloc(notes.count * 2 + 1), notes.count * 2)
    cdef Memory counts = take_memory(<uint8_t*> malloc(notes.count * 4 + 1), notes.count * 4)
    cdef Memory spare = take_memory(<uint8_t*> malloc(notes.count * 8 + 1), notes.count * 8)
    cdef size_t used
    with nogil:
        sort(notes.values, <uint64_t*> spare.data, notes.count)
        used = count_runs(
            notes.values, notes.count, groups, <int32_t*> offsets.data, <uint16_t*> buckets.data,
            <uint32_t*> counts.data,
        )
    index = make_arrow("list<uint16>", groups, 0, None, memoryview(offsets), memoryview(buckets)[:used * 2])
    return index, make_arrow("list<uint32>", groups, 0, None, memoryview(offsets), memoryview(counts)[:used * 4])
