"""A small JSON object taken apart; see `jsonobject.pxd`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport malloc

from llm_obs_core.normalizer.forms import MAX_MEMBERS

assert MEMBERS == MAX_MEMBERS

cdef list _kept = []       # the bytes that words point at


cdef uint64_t hash_of(text) except *:
    cdef bytes token = b'"' + text.encode() + b'"'
    return json_hash(<const uint8_t*> token, 0, <size_t> len(token))


cdef Words words_of(mapping) except *:
    cdef Words made
    cdef bytes token
    made.count = <uint32_t> len(mapping)
    made.words = <Word*> malloc((made.count + 1) * sizeof(Word))
    if made.words == NULL:
        raise MemoryError
    for i, (word, out) in enumerate(mapping):
        token = b'"' + out.encode() + b'"'
        _kept.append(token)
        made.words[<int> i].name = hash_of(word)
        made.words[<int> i].made = hash_of(out)
        made.words[<int> i].text = <const uint8_t*> token
        made.words[<int> i].length = <uint32_t> len(token)
    return made


cdef bint read_object(const uint8_t* p, uint32_t at, uint32_t end, Object* out) noexcept nogil:
    cdef Pair pair
    cdef int written = 0
    cdef int i
    out.count = 0
    if p[at] != c"{":
        return False
    at = <uint32_t> json_space(p, at + 1, end)
    while p[at] != c"}":
        written += 1
        if written > MEMBERS:
            return False
        pair.key = at
        pair.key_end = <uint32_t> json_string_end(p, at, end)
        pair.name = json_hash(p, at, pair.key_end)
        pair.at = <uint32_t> json_name_end(p, at, end)
        pair.end = <uint32_t> json_value_end(p, pair.at, end, 0)
        for i in range(out.count):
            if out.pairs[i].name == pair.name:
                out.pairs[i].at = pair.at
                out.pairs[i].end = pair.end
                break
        else:
            out.pairs[out.count] = pair
            out.count += 1
        at = after_value(p, pair.end, end)
    return True


cdef const Pair* member(const Object* item, uint64_t name) noexcept nogil:
    cdef int i
    for i in range(item.count):
        if item.pairs[i].name == name:
            return &item.pairs[i]
    return NULL


cdef const Word* lookup(const Words* words, uint64_t name) noexcept nogil:
    cdef uint32_t i
    for i in range(words.count):
        if words.words[i].name == name:
            return &words.words[i]
    return NULL
