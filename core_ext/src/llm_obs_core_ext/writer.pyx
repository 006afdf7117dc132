"""The backward writer behind `emit`. Its input was scanned: nothing here can be malformed."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy

from llm_obs_core_ext.wire cimport *


cdef bint more_room(Writer* w, size_t more) noexcept nogil:
    cdef size_t room = w.room * 2 + more
    cdef uint8_t* fresh
    if w.failed:
        return False
    fresh = <uint8_t*> malloc(room)
    if fresh == NULL:
        w.failed = True
        return False
    if w.used:
        memcpy(fresh + room - w.used, w.data + w.room - w.used, w.used)
    if not w.borrowed:
        free(w.data)
    w.borrowed = False
    w.data = fresh
    w.room = room
    return True


cdef void push(Writer* w, const uint8_t* text, size_t length) noexcept nogil:
    if length == 0 or w.room - w.used < length and not more_room(w, length):
        return
    w.used += length
    memcpy(w.data + w.room - w.used, text, length)


cdef void push_varint(Writer* w, uint64_t value) noexcept nogil:
    cdef uint8_t text[10]
    cdef int n = 0
    while value >= 0x80:
        text[n] = <uint8_t> (value | 0x80)
        value >>= 7
        n += 1
    text[n] = <uint8_t> value
    push(w, text, n + 1)


cdef void push_header(Writer* w, uint32_t number, size_t length) noexcept nogil:
    push_varint(w, length)
    push_varint(w, number << 3 | 2)


cdef size_t first_hit(const Source* source, uint32_t at) noexcept nogil:
    # The first hit that ends after `at`.
    cdef size_t low = 0
    cdef size_t high = source.hit_count
    cdef size_t middle
    while low < high:
        middle = (low + high) // 2
        if source.hits[middle].end <= at:
            low = middle + 1
        else:
            high = middle
    return low


cdef bint has_hit(const Source* source, uint32_t at, uint32_t end) noexcept nogil:
    cdef size_t i
    if source.hit_count == 0:
        return False
    i = first_hit(source, at)
    return i < source.hit_count and source.hits[i].at < end


cdef void push_text(Writer* w, uint32_t at, uint32_t end) noexcept nogil:
    cdef const Source* source = w.source
    cdef size_t first, i
    cdef const Hit* found
    if has_hit(source, at, end):
        first = first_hit(source, at)
        i = first
        while i < source.hit_count and source.hits[i].at < end:
            i += 1
        while i > first:
            i -= 1
            found = &source.hits[i]
            if found.end < end:
                push(w, source.base + found.end, end - found.end)
            push(w, source.texts + found.text_at, found.text_length)
            end = found.at if found.at > at else at
    push(w, source.base + at, end - at)


cdef void key_of(const uint8_t* base, const Field* entry, uint32_t* at, uint32_t* length) noexcept nogil:
    cdef Field f
    cdef uint32_t pos = entry.at
    at[0] = entry.at
    length[0] = 0
    while pos < entry.end:
        next_field(base, pos, entry.end, 100, &f)
        pos = f.end
        if f.number == 1 and f.wire == 2:
            at[0] = f.at
            length[0] = f.end - f.at


cdef void one_key_once(Writer* w, size_t first, uint32_t number) noexcept nogil:
    # Of entries with the same key the first place keeps the last value; the others get number 0.
    cdef size_t count = w.item_count - first
    cdef size_t size = 16
    cdef size_t i, slot
    cdef uint32_t* slots
    cdef uint32_t at, length, other_at, other_length
    cdef Field* item
    cdef Field* other
    if count < 2:
        return
    while size < count * 2:
        size *= 2
    slots = <uint32_t*> calloc(size, sizeof(uint32_t))
    if slots == NULL:
        w.failed = True
        return
    for i in range(first, w.item_count):
        item = &w.items[i]
        if item.number != number:
            continue
        key_of(w.source.base, item, &at, &length)
        slot = otlp_hash(w.source.base + at, length) & (size - 1)
        while slots[slot]:
            other = &w.items[first + slots[slot] - 1]
            key_of(w.source.base, other, &other_at, &other_length)
            if other_length == length and memcmp(w.source.base + at, w.source.base + other_at, length) == 0:
                other[0] = item[0]
                item.number = 0
                break
            slot = (slot + 1) & (size - 1)
        else:
            slots[slot] = <uint32_t> (i - first + 1)
    free(slots)


cdef bint add_item(Writer* w, const Field* f) noexcept nogil:
    cdef void* fresh
    if w.item_count == w.item_room:
        fresh = realloc(w.items, (w.item_room * 2 + 64) * sizeof(Field))
        if fresh == NULL:
            w.failed = True
            return False
        w.items = <Field*> fresh
        w.item_room = w.item_room * 2 + 64
    w.items[w.item_count] = f[0]
    w.item_count += 1
    return True


cdef size_t gather(Writer* w, int message, uint32_t at, uint32_t end, uint32_t skip) noexcept nogil:
    # The fields that count, appended to w.items; the first one's index. `skip`: bits of field numbers left out.
    cdef size_t first = w.item_count
    cdef uint32_t pos = at
    cdef uint32_t lists = 0
    cdef uint32_t number
    cdef uint32_t seen = 0
    cdef size_t places[17]
    cdef Field f
    cdef int kind
    while pos < end:
        next_field(w.source.base, pos, end, 100, &f)
        pos = f.end
        kind = otlp_kind(message, f.number, f.wire)
        if kind == K_UNKNOWN or (skip >> f.number) & 1:
            continue
        if message == M_ANYVALUE:
            w.item_count = first
            seen = 0
        if kind == K_ABSENT:
            continue
        if kind < K_STRINGS and (seen >> f.number) & 1:
            w.items[places[f.number]] = f
            continue
        places[f.number] = w.item_count
        if not add_item(w, &f):
            return first
        seen |= <uint32_t> 1 << f.number
        if kind == K_MESSAGES and otlp_child(message, f.number) == M_KEYVALUE:
            lists |= <uint32_t> 1 << f.number
    for number in range(1, 17):
        if (lists >> number) & 1:
            one_key_once(w, first, number)
    return first


cdef void push_item(Writer* w, int message, const Field* f) noexcept nogil:
    cdef int kind = otlp_kind(message, f.number, f.wire)
    cdef bint oneof = message == M_ANYVALUE
    cdef size_t used = w.used
    cdef uint64_t value = f.value
    if kind == K_MESSAGE or kind == K_MESSAGES:
        push_message(w, otlp_child(message, f.number), f.at, f.end)
        push_header(w, f.number, w.used - used)
    elif kind == K_STRING or kind == K_STRINGS or kind == K_BYTES or kind == K_TEXTBYTES:
        if kind == K_BYTES:
            push(w, w.source.base + f.at, f.end - f.at)
        else:
            push_text(w, f.at, f.end)
        if w.used > used or oneof or kind == K_STRINGS:
            push_header(w, f.number, w.used - used)
    else:
        if kind == K_U32:
            value = <uint32_t> value
        elif kind == K_I32:
            value = <uint64_t> <int64_t> <int32_t> value
        elif kind == K_BOOL:
            value = value != 0
        if value == 0 and not oneof:
            return
        if kind == K_F64:
            push(w, <const uint8_t*> &value, 8)
        elif kind == K_F32:
            push(w, <const uint8_t*> &value, 4)
        else:
            push_varint(w, value)
        push_varint(w, f.number << 3 | f.wire)


cdef void push_number(Writer* w, int message, size_t first, uint32_t number) noexcept nogil:
    # Every gathered field of that number, last to first.
    cdef size_t i = w.item_count
    cdef Field f
    while i > first:
        i -= 1
        if w.items[i].number == number:
            f = w.items[i]  # a copy: the items may move while its children are gathered
            push_item(w, message, &f)


cdef void push_message(Writer* w, int message, uint32_t at, uint32_t end) noexcept nogil:
    cdef size_t first = gather(w, message, at, end, 0)
    cdef uint32_t seen = 0
    cdef uint32_t number
    cdef size_t i
    if w.failed:
        return
    for i in range(first, w.item_count):
        seen |= <uint32_t> 1 << w.items[i].number
    number = 16
    while number:
        if (seen >> number) & 1:
            push_number(w, message, first, number)
        number -= 1
    w.item_count = first
