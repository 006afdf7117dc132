"""Distinct price keys and prices as C arrays; see `pricekeys.pxd`."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memset

from llm_obs_core_ext.wire cimport otlp_hash, same_bytes


cdef class Vector:
    """A `Price` as C arrays.

    Raises:
        ValueError: A price is negative.
        OverflowError: One has more than 64 bits.
    """

    def __cinit__(self, price):
        cdef Py_ssize_t i
        cdef int k
        self.price_id = price.price_id.encode()
        self.bands = <Band*> calloc(len(price.bands) + 1, sizeof(Band))
        if self.bands == NULL:
            raise MemoryError
        for i, band in enumerate(price.bands):
            self.bands[i].above = band.above_input_tokens
            self.bands[i].request = band.request
            for k, value in enumerate(
                (
                    band.input_uncached, band.cache_read, band.cache_write_5m, band.cache_write_1h, band.audio_in,
                    band.image_in, band.output_text, band.output_reasoning, band.audio_out,
                )
            ):
                self.bands[i].prices[k] = value
                if value < 0 or band.request < 0:
                    raise ValueError(f"expected prices that are not negative, got {price.price_id}: {band}")
        self.count = <uint32_t> len(price.bands)

    def __dealloc__(self):
        free(self.bands)


cdef int open_gather(Gather* g) except -1:
    memset(g, 0, sizeof(Gather))
    g.key_room = 16
    g.mask = 63
    g.room = 1024
    g.keys = <Key*> malloc(g.key_room * sizeof(Key))
    g.slots = <uint32_t*> calloc(4 * g.key_room, sizeof(uint32_t))
    g.texts = <uint8_t*> malloc(g.room)
    if g.keys == NULL or g.slots == NULL or g.texts == NULL:
        close_gather(g)
        raise MemoryError
    return 0


cdef void close_gather(Gather* g) noexcept nogil:
    free(g.calls)
    free(g.keys)
    free(g.slots)
    free(g.texts)


cdef Call* new_call(Gather* g) noexcept nogil:
    cdef void* fresh
    if g.call_count == g.call_room:
        fresh = realloc(g.calls, (g.call_room * 2 + 64) * sizeof(Call))
        if fresh == NULL:
            return NULL
        g.calls = <Call*> fresh
        g.call_room = g.call_room * 2 + 64
    g.call_count += 1
    return &g.calls[g.call_count - 1]


cdef int64_t key_number(Gather* g, const uint8_t* text, uint32_t length) noexcept nogil:
    # The number of a price key, which may be new; -1 when there is no memory.
    cdef uint32_t hashed = otlp_hash(text, length)
    cdef uint32_t slot = hashed & g.mask
    cdef Key* key
    cdef size_t i
    cdef void* fresh
    while g.slots[slot]:
        key = &g.keys[g.slots[slot] - 1]
        if key.hash == hashed and key.length == length and same_bytes(g.texts + key.at, text, length):
            return g.slots[slot] - 1
        slot = (slot + 1) & g.mask
    if g.key_count == g.key_room:
        fresh = realloc(g.keys, 2 * g.key_room * sizeof(Key))
        if fresh == NULL:
            return -1
        g.keys = <Key*> fresh
        fresh = calloc(8 * g.key_room, sizeof(uint32_t))
        if fresh == NULL:
            return -1
        free(g.slots)
        g.slots = <uint32_t*> fresh
        g.key_room *= 2
        g.mask = <uint32_t> (4 * g.key_room - 1)
        for i in range(g.key_count):
            slot = g.keys[i].hash & g.mask
            while g.slots[slot]:
                slot = (slot + 1) & g.mask
            g.slots[slot] = <uint32_t> (i + 1)
        slot = hashed & g.mask
        while g.slots[slot]:
            slot = (slot + 1) & g.mask
    if g.room - g.used < length:
        fresh = realloc(g.texts, 2 * g.room + length)
        if fresh == NULL:
            return -1
        g.texts = <uint8_t*> fresh
        g.room = 2 * g.room + length
    key = &g.keys[g.key_count]
    memset(key, 0, sizeof(Key))
    key.at = <uint32_t> g.used
    key.length = length
    key.hash = hashed
    memcpy(g.texts + g.used, text, length)
    g.used += length
    g.key_count += 1
    g.slots[slot] = <uint32_t> g.key_count
    return g.key_count - 1
