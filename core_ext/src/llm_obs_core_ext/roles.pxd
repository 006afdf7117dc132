# Which calls of one request were reported more than once: llm_obs_core/normalizer/roles.py, compiled.
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from llm_obs_core_ext.batch cimport SpanBatch
from llm_obs_core_ext.wire cimport otlp_hash


cdef enum RoleChange:
    ROLE_KEPT = 0
    ROLE_ROLLUP = 1
    ROLE_DUPLICATE = 2


cdef struct Call:          # a leaf
    uint32_t row
    uint8_t is_given       # the sender gave the role
    uint8_t embeds
    uint8_t has_usage
    uint8_t failed
    uint8_t change         # a RoleChange, written by settle_roles
    uint8_t has_inner      # from here on for settle_roles
    uint8_t has_used
    uint8_t id_is_set      # gen_ai.response.id is in the edits' arena, not in the row's buffer
    uint32_t id_at
    uint32_t id_length     # 0: there is none
    uint64_t id_hash


cdef struct Calls:         # zero it, free it with free_calls
    Call* calls
    size_t count
    size_t room
    uint64_t* parents      # open addressing: the rows' parents as numbers, 0 empty; `mask` + 1 of them
    uint64_t* ids          # the same of the calls' response ids
    uint64_t mask
    uint64_t seed          # of this process: nobody outside can choose ids that meet in one place
    bint copies            # some id was there before


cdef int start_calls(Calls* calls, Py_ssize_t rows) noexcept nogil  # -1: out of memory
cdef void free_calls(Calls* calls) noexcept nogil
cdef int more_calls(Calls* calls) noexcept nogil
# `arena`: of the edits.
cdef int settle_roles(Calls* calls, SpanBatch batch, const uint8_t* arena) noexcept nogil


cdef inline Call* new_call(Calls* calls) noexcept nogil:
    # Zeroed; NULL when out of memory.
    cdef Call* call
    if calls.count == calls.room and more_calls(calls):
        return NULL
    call = &calls.calls[calls.count]
    memset(call, 0, sizeof(Call))
    calls.count += 1
    return call


cdef inline void note_id(Calls* calls, Call* call, const uint8_t* text) noexcept nogil:
    # Ids differ at their ends.
    if call.id_length >= 8:
        call.id_hash = mix(text + call.id_length - 8, calls.seed) + call.id_length
    elif call.id_length:
        call.id_hash = otlp_hash(text, call.id_length)
    else:
        return
    calls.copies |= not add_number(calls.ids, calls.mask, call.id_hash)


cdef inline void add_parent(Calls* calls, const uint8_t* parent_id) noexcept nogil:
    add_number(calls.parents, calls.mask, mix(parent_id, calls.seed))


cdef extern from *:
    """
    #include <string.h>
    static inline uint64_t llm_obs_mix(const unsigned char *id, uint64_t seed) {
        uint64_t x;
        memcpy(&x, id, 8);
        x = (x ^ seed) * 0x9e3779b97f4a7c15ULL;
        x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
        return x ^ x >> 32;
    }
    """
    uint64_t mix "llm_obs_mix"(const uint8_t* id, uint64_t seed) nogil


cdef inline bint has_number(const uint64_t* table, uint64_t mask, uint64_t number) noexcept nogil:
    cdef uint64_t place = number & mask
    while table[place]:
        if table[place] == number:
            return True
        place = (place + 1) & mask
    return number == 0  # which stands for an empty place


cdef inline bint add_number(uint64_t* table, uint64_t mask, uint64_t number) noexcept nogil:
    # False when it was there.
    cdef uint64_t place = number & mask
    while table[place]:
        if table[place] == number:
            return False
        place = (place + 1) & mask
    table[place] = number
    return number != 0
