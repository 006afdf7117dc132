# Canonical messages, written from their end to their beginning, so that every length is known when it is written.
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.wire cimport Field


cdef extern from "hits.h" nogil:
    ctypedef struct Hit:
        uint32_t at           # first byte that is replaced
        uint32_t end          # byte after the last
        uint32_t text_at      # the replacement in texts
        uint32_t text_length
    ctypedef struct HitTable:
        Hit* hits
        size_t count
        uint8_t* texts
    int hit_add(HitTable* table, uint32_t at, uint32_t end, const uint8_t* text, uint32_t length)
    void hit_settle(HitTable* table)
    void hit_free(HitTable* table)


cdef struct Source:
    const uint8_t* base   # a buffer of the batch, or the arena of the edits
    const Hit* hits       # ascending, not overlapping
    size_t hit_count
    const uint8_t* texts


cdef struct Writer:
    uint8_t* data
    size_t room
    size_t used           # the written bytes are the last `used` of data
    bint borrowed         # data is the caller's: it is left, not freed, when more room is needed
    bint failed           # out of memory
    Field* items          # the fields of the messages being written
    size_t item_count
    size_t item_room
    const Source* source  # what offsets are relative to


cdef bint more_room(Writer* w, size_t more) noexcept nogil
cdef void push(Writer* w, const uint8_t* text, size_t length) noexcept nogil
cdef void push_varint(Writer* w, uint64_t value) noexcept nogil
cdef void push_header(Writer* w, uint32_t number, size_t length) noexcept nogil
cdef void push_text(Writer* w, uint32_t at, uint32_t end) noexcept nogil
cdef bint has_hit(const Source* source, uint32_t at, uint32_t end) noexcept nogil
cdef size_t gather(Writer* w, int message, uint32_t at, uint32_t end, uint32_t skip) noexcept nogil
cdef void push_number(Writer* w, int message, size_t first, uint32_t number) noexcept nogil
cdef void push_message(Writer* w, int message, uint32_t at, uint32_t end) noexcept nogil
cdef void push_item(Writer* w, int message, const Field* f) noexcept nogil
cdef bint add_item(Writer* w, const Field* f) noexcept nogil
