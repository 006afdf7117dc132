# One pass over untrusted messages: structure, UTF-8, and whether `emit` would write the same bytes.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.wire cimport *


cdef enum:
    BAD_UTF8 = 4      # beside CANONICAL in the flags that checks return
    REASONS = 6


cdef struct Scan:
    const uint8_t* base
    SpanRow* rows
    Attr* attrs
    ScopeRow* scopes
    ResourceRow* resources
    size_t row_count, row_room, attr_count, attr_room, scope_count, scope_room, resource_count, resource_room
    uint32_t max_spans, max_attributes
    size_t attr_budget          # attributes whose records fit in twice the input; 64 more for each row
    const uint8_t* key_blob     # the KeyTable, flat
    const uint32_t* key_starts
    const uint32_t* key_hashes
    const uint16_t* key_slots
    uint32_t key_mask
    uint32_t* stamps            # by key id: the list that last had it
    uint32_t stamp
    size_t like, like_count     # the attributes of the last row: the next row often has the same keys
    uint32_t received
    uint32_t first_accepted     # under the current scope
    uint32_t counts[REASONS]
    uint32_t firsts[REASONS]
    int fault
    uint32_t fault_at
    int repeated                # a singular message came twice: coalesce and scan again


cdef int fail(Scan* s, int fault, uint32_t at) noexcept nogil
cdef int grow(Scan* s) noexcept nogil
cdef int check(Scan* s, int message, uint32_t pos, uint32_t end, int depth) noexcept nogil
cdef int read_attr(Scan* s, uint32_t at, uint32_t end, int depth, Attr* out) noexcept nogil
cdef int add_attr(Scan* s, const Field* f, size_t first, uint64_t* bloom, uint32_t* dropped, int depth) noexcept nogil


cdef inline uint16_t find_key(const Scan* s, const uint8_t* key, uint32_t length, uint32_t key_hash) noexcept nogil:
    cdef uint32_t slot = key_hash & s.key_mask
    cdef uint16_t key_id = s.key_slots[slot]
    cdef uint32_t start
    while key_id:
        if s.key_hashes[key_id] == key_hash:
            start = s.key_starts[key_id]
            if s.key_starts[key_id + 1] - start == length and same_bytes(s.key_blob + start, key, length):
                return key_id
        slot = (slot + 1) & s.key_mask
        key_id = s.key_slots[slot]
    return KEY_UNKNOWN


cdef inline bint read_short(const uint8_t* p, uint32_t size, Attr* out) noexcept nogil:
    # The value messages that hold one number in its only minimal form; False for all others.
    cdef uint64_t value
    cdef uint32_t i
    if p[0] == 0x18:
        if size > 9 or p[size - 1] >= 0x80 or size > 2 and p[size - 1] == 0:
            return False
        value = p[1] & 0x7F
        for i in range(2, size):
            if p[i - 1] < 0x80:
                return False
            value |= <uint64_t> (p[i] & 0x7F) << 7 * (i - 1)
        out.type = VALUE_INT
        out.value.i64 = <int64_t> value
        return True
    if p[0] == 0x21 and size == 9:
        out.type = VALUE_DOUBLE
        out.value.i64 = <int64_t> load64(p + 1)
        return True
    if p[0] == 0x10 and size == 2 and p[1] <= 1:
        out.type = VALUE_BOOL
        out.value.i64 = p[1]
        return True
    return False
