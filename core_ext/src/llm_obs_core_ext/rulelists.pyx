"""Lists of strings in rules; see `rulelists.pxd`."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_SET, OURS, Edits
from llm_obs_core_ext.rulerun cimport Item, Run, more_scratch, put
from llm_obs_core_ext.ruletable cimport Rule, RuleTable, Word
from llm_obs_core_ext.wire cimport Field, next_field


cdef bint text_item(const uint8_t* base, const Field* item, uint32_t* at, uint32_t* length) noexcept nogil:
    cdef Field f
    cdef uint32_t pos = item.at
    cdef bint is_text = False
    if item.number != 1 or item.wire != 2:
        return False
    while pos < item.end:
        next_field(base, pos, item.end, 100, &f)
        pos = f.end
        if f.number == VALUE_STRING and f.wire == 2:
            is_text = True
            at[0] = f.at
            length[0] = f.end - f.at
        elif f.number <= VALUE_BYTES:
            is_text = False
    return is_text


cdef uint32_t put_length(uint8_t* out, uint64_t tag, uint32_t length) noexcept nogil:
    # A tag of one byte and a length; returns how many bytes.
    cdef uint32_t n = 1
    out[0] = <uint8_t> tag
    while length >= 0x80:
        out[n] = <uint8_t> (length | 0x80)
        length >>= 7
        n += 1
    out[n] = <uint8_t> length
    return n + 1


cdef int put_list(Run* run, RuleTable table, Edits edits, const Rule* rule, const Item* item) noexcept nogil:
    cdef uint32_t length = item.attr.value.text.length
    cdef uint8_t[12] head
    cdef uint32_t inner = put_length(head, VALUE_STRING << 3 | 2, length)
    cdef uint32_t outer
    cdef Attr value
    if more_scratch(run, <size_t> length + 24):
        return -1
    outer = put_length(run.scratch, 1 << 3 | 2, inner + length)
    memcpy(run.scratch + outer, head, inner)
    if length:
        memcpy(run.scratch + outer + inner, item.base + item.attr.value.text.at, length)
    value.type = VALUE_ARRAY
    value.flags = 0
    value.value.text.at = 0
    value.value.text.length = outer + inner + length
    return put(run, table, edits, rule.target, EDIT_SET, &value, run.scratch)


cdef int map_list(Run* run, RuleTable table, Edits edits, const Rule* rule, const Item* item) noexcept nogil:
    cdef Field f
    cdef const Word* word
    cdef uint32_t pos = item.attr.value.text.at
    cdef uint32_t end = pos + item.attr.value.text.length
    cdef uint32_t at, length
    cdef uint32_t size = 0
    cdef int64_t number
    cdef bint changed = False
    cdef Attr value
    value.flags = OURS
    while pos < end:
        next_field(item.base, pos, end, 100, &f)
        pos = f.end
        number = -1
        if text_item(item.base, &f, &at, &length):
            number = table.lookup(rule, item.base + at, length)
        if number < 0:
            value.flags = 0
            if more_scratch(run, size + (f.end - f.tag_at)):
                return -1
            memcpy(run.scratch + size, item.base + f.tag_at, f.end - f.tag_at)
            size += f.end - f.tag_at
            continue
        changed = True
        word = &table.words[number]
        if more_scratch(run, size + word.item_length):
            return -1
        memcpy(run.scratch + size, table.text + word.item_at, word.item_length)
        size += word.item_length
    if not changed:
        return 0
    value.type = VALUE_ARRAY
    value.value.text.at = 0
    value.value.text.length = size
    return put(run, table, edits, rule.target, EDIT_SET, &value, run.scratch)
