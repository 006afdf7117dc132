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
