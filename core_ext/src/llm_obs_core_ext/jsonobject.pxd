# A small JSON object taken apart, and words that become other words. Names are compared by a number of 64 bits made of what
# they say, escapes undone.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "jsonread.h" nogil:
    size_t json_value_end(const uint8_t* p, size_t i, size_t n, unsigned int depth)
    size_t json_name_end(const uint8_t* p, size_t i, size_t n)
    size_t json_string_end(const uint8_t* p, size_t i, size_t n)
    size_t json_space(const uint8_t* p, size_t i, size_t n)
    bint json_text(const uint8_t* p, size_t n, uint32_t* at, uint32_t* end)
    uint32_t json_said(const uint8_t* p, size_t at, size_t end, uint8_t* out)
    uint64_t json_hash(const uint8_t* p, size_t at, size_t end)


cdef enum:
    MEMBERS = 64           # llm_obs_core.normalizer.forms.MAX_MEMBERS


cdef struct Pair:          # a member: its name and its value
    uint64_t name
    uint32_t key, key_end  # quotes included
    uint32_t at, end


cdef struct Object:
    Pair[MEMBERS] pairs
    int count


cdef struct Word:          # from one word to another
    uint64_t name
    uint64_t made
    const uint8_t* text    # what it becomes, with quotes
    uint32_t length
    uint32_t names         # of a part's type: its members' words, first and count
    uint32_t names_count


cdef struct Words:
    Word* words
    uint32_t count


cdef uint64_t hash_of(text) except *
cdef Words words_of(mapping) except *
# The members of a valid object; False for another value, and for one that is written with too many. Of those with one
# name the last value counts, at the place of the first.
cdef bint read_object(const uint8_t* p, uint32_t at, uint32_t end, Object* out) noexcept nogil
cdef const Pair* member(const Object* item, uint64_t name) noexcept nogil  # NULL: it has none
cdef const Word* lookup(const Words* words, uint64_t name) noexcept nogil


cdef inline bint is_string(const uint8_t* p, const Pair* pair) noexcept nogil:
    return pair != NULL and p[pair.at] == c'"'


cdef inline bint is_null(const uint8_t* p, const Pair* pair) noexcept nogil:
    return pair == NULL or p[pair.at] == c"n"


cdef inline uint32_t after_value(const uint8_t* p, size_t at, uint32_t end) noexcept nogil:
    # From the end of a value to the next one, or to what closes around them.
    at = json_space(p, at, end)
    return <uint32_t> (json_space(p, at + 1, end) if p[at] == c"," else at)
