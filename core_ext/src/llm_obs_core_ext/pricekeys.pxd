# The calls of a batch that have a price key, their distinct keys, and a key's price in C.
from libc.stdint cimport int64_t, uint8_t, uint32_t


cdef enum:
    BUCKETS = 9


cdef struct Band:
    int64_t above
    int64_t request
    int64_t prices[BUCKETS]   # in the order of Call.tokens


cdef struct Call:
    Py_ssize_t row
    uint32_t key              # number of its Key
    bint has_usage
    bint has_cost             # the sender's, a whole number that is not negative
    bint drops_cost           # the sender's, which is none
    bint has_id               # the sender's price id
    int64_t input_tokens
    int64_t tokens[BUCKETS]


cdef struct Key:
    uint32_t at               # in Gather.texts
    uint32_t length
    uint32_t hash
    uint32_t priced           # calls with a cost
    uint32_t unpriced
    uint32_t id_at            # where the arena has the price id + 1
    uint32_t id_length
    const uint8_t* id
    const Band* bands
    uint32_t band_count       # 0: no price


cdef struct Gather:
    Call* calls
    size_t call_count, call_room
    Key* keys
    size_t key_count, key_room
    uint32_t* slots           # open addressing: number of key + 1
    uint32_t mask
    uint8_t* texts
    size_t used, room


cdef class Vector:
    # A price. Immutable, so that batches may share it.
    cdef bytes price_id
    cdef Band* bands
    cdef uint32_t count


cdef int open_gather(Gather* g) except -1
cdef void close_gather(Gather* g) noexcept nogil
cdef Call* new_call(Gather* g) noexcept nogil    # NULL: no memory
cdef int64_t key_number(Gather* g, const uint8_t* text, uint32_t length) noexcept nogil
