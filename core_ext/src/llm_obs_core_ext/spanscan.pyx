"""From a span's bytes to its row; see `spanscan.pxd`. Common forms first, everything else field by field."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.check cimport *
from llm_obs_core_ext.wire cimport *


cdef bint is_zero(const uint8_t* p, int n) noexcept nogil:
    cdef int i
    cdef uint8_t any = 0
    for i in range(n):
        any |= p[i]
    return any == 0


cdef uint32_t scan_head(Scan* s, SpanRow* row, uint32_t at, uint32_t end, uint32_t* seen, int* canonical) noexcept nogil:
    # The fields before the attributes, as far as they stand in their common form: ids, name, kind, times. Returns where
    # that ends; `seen` says which there were.
    cdef const uint8_t* p = s.base + at
    cdef uint32_t left = end - at
    cdef uint32_t length
    if left < 28 or p[0] != 0x0A or p[1] != 16 or p[18] != 0x12 or p[19] != 8:
        return at
    memcpy(row.trace_id, p + 2, 16)
    memcpy(row.span_id, p + 20, 8)
    seen[0] = 1 << 1 | 1 << 2
    p += 28
    left -= 28
    if left >= 10 and p[0] == 0x22 and p[1] == 8:
        memcpy(row.parent_id, p + 2, 8)
        if load64(p + 2) == 0:
            canonical[0] = 0
        seen[0] |= 1 << 4
        p += 10
        left -= 10
    if left >= 2 and p[0] == 0x2A and 0 < p[1] < 0x80 and <uint32_t> p[1] + 2 <= left:
        length = p[1]
        if not utf8_valid(p + 2, length):
            return <uint32_t> (p - s.base)
        row.name.at = <uint32_t> (p + 2 - s.base)
        row.name.length = length
        seen[0] |= 1 << 5
        p += length + 2
        left -= length + 2
    if left >= 2 and p[0] == 0x30 and 0 < p[1] < 0x80:
        row.kind = p[1]
        seen[0] |= 1 << 6
        p += 2
        left -= 2
    if left >= 18 and p[0] == 0x39 and p[9] == 0x41:
        row.start_ns = load64(p + 1)
        row.end_ns = load64(p + 10)
        if row.start_ns == 0 or row.end_ns == 0:
            canonical[0] = 0
        seen[0] |= 1 << 7 | 1 << 8
        p += 18
    return <uint32_t> (p - s.base)


cdef inline uint32_t common_attr(Scan* s, uint32_t pos, uint32_t end, size_t first, uint64_t* bloom) noexcept nogil:
    # An attribute in the form in which nearly all come: minimal lengths, a new key, a string or a number as its value. Adds
    # it and returns where it ends; 0, and nothing is changed, when it has another form. There is room for one more.
    cdef const uint8_t* base = s.base
    cdef const uint8_t* p = base + pos
    cdef const uint8_t* stop
    cdef const uint8_t* text
    cdef Attr* out = &s.attrs[s.attr_count]
    cdef const Attr* like
    cdef size_t place = s.attr_count - first
    cdef uint32_t left = end - pos
    cdef uint32_t size, key_length, key_hash
    cdef uint16_t key_id
    if left < 8:
        return 0
    size = p[1]
    p += 2
    left -= 2
    if size >= 0x80:
        if p[0] >= 0x80 or p[0] == 0:
            return 0
        size = (size & 0x7F) | <uint32_t> p[0] << 7
        p += 1
        left -= 1
    key_length = p[1]
    if size > left or p[0] != 0x0A or key_length == 0 or key_length >= 0x80 or key_length + 6 > size:
        return 0
    stop = p + size
    p += 2
    text = p + key_length
    if text[0] != 0x12:
        return 0
    size = text[1]
    text += 2
    if size >= 0x80:
        if text[0] >= 0x80 or text[0] == 0:
            return 0
        size = (size & 0x7F) | <uint32_t> text[0] << 7
        text += 1
    if size != <uint32_t> (stop - text):
        return 0
    if text[0] == 0x0A:
        size = text[1]
        text += 2
        if size >= 0x80:
            if text == stop or text[0] >= 0x80 or text[0] == 0:
                return 0
            size = (size & 0x7F) | <uint32_t> text[0] << 7
            text += 1
        if size != <uint32_t> (stop - text) or not utf8_valid(text, size):
            return 0
        out.type = VALUE_STRING
        out.value.text.at = <uint32_t> (text - base)
        out.value.text.length = size
    elif not read_short(text, size, out):
        return 0
    like = &s.attrs[s.like + place]
    if place < s.like_count and like.key_length == key_length and same_bytes(p, base + like.key_at, key_length):
        key_hash = like.key_hash  # an accepted row has this key: it is UTF-8
        key_id = like.key_id
    else:
        key_hash = otlp_hash(p, key_length)
        key_id = find_key(s, p, key_length, key_hash)
        if key_id == KEY_UNKNOWN and not utf8_valid(p, key_length):
            return 0
    if place >= s.max_attributes or s.attr_count >= s.attr_budget + 64 * (s.row_count + 1):
        return 0
    if key_id != KEY_UNKNOWN:
        if s.stamps[key_id] == s.stamp:
            return 0
        s.stamps[key_id] = s.stamp
    else:
        if (bloom[0] >> (key_hash & 63)) & 1:
            return 0
        bloom[0] |= <uint64_t> 1 << (key_hash & 63)
    out.entry_at = pos
    out.entry_end = <uint32_t> (stop - base)
    out.key_at = <uint32_t> (p - base)
    out.key_length = key_length
    out.key_hash = key_hash
    out.key_id = key_id
    out.flags = CANONICAL | HAS_VALUE
    s.attr_count += 1
    return <uint32_t> (stop - base)


cdef int scan_span(Scan* s, uint32_t at, uint32_t end, int depth) noexcept nogil:
    cdef SpanRow* row
    cdef Field f
    cdef uint32_t pos = at
    cdef uint32_t trace_length = 0
    cdef uint32_t span_length = 0
    cdef uint32_t parent_length = 0
    cdef uint32_t last = 0
    cdef uint32_t seen = 0
    cdef uint32_t excess = 0
    cdef uint32_t size
    cdef uint64_t bloom = 0
    cdef uint64_t text
    cdef size_t first = s.attr_count
    cdef int canonical = CANONICAL
    cdef int bad = 0
    cdef int flags, fault
    if s.received >= s.max_spans:
        return fail(s, FAULT_SPANS, at)
    if s.row_count == s.row_room and grow(s):
        return -1
    s.stamp += 1
    row = &s.rows[s.row_count]
    memset(row, 0, sizeof(SpanRow))
    row.head.at = at
    row.head.length = end - at
    row.head.attrs = <uint32_t> first
    pos = scan_head(s, row, at, end, &seen, &canonical)
    if seen:
        trace_length = 16
        span_length = 8
        parent_length = 8 if seen & (1 << 4) else 0
        last = highest_bit(seen)
    while pos < end:
        if s.base[pos] == 0x4A and depth > 1:
            if s.attr_count == s.attr_room and grow(s):
                return -1
            size = common_attr(s, pos, end, first, &bloom)
            if size:
                if last > 9:
                    canonical = 0
                last = 9
                pos = size
                continue
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        if otlp_kind(M_SPAN, f.number, f.wire) == K_UNKNOWN:
            canonical = 0
            continue
        flags = CANONICAL
        if f.number == 9:
            flags = add_attr(s, &f, first, &bloom, &excess, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            if f.number < last:
                flags = 0
        elif f.number < last or (seen >> f.number) & 1 and f.number != 11 and f.number != 13:
            flags = 0
        canonical &= flags
        canonical &= f.minimal
        last = f.number
        seen |= <uint32_t> 1 << f.number
        if f.number == 9:
            continue
        if f.wire == 1:
            if f.number == 7:
                row.start_ns = f.value
            else:
                row.end_ns = f.value
            if f.value == 0:
                canonical = 0
        elif f.number == 1:
            trace_length = f.end - f.at
            if trace_length == 16:
                memcpy(row.trace_id, s.base + f.at, 16)
        elif f.number == 2:
            span_length = f.end - f.at
            if span_length == 8:
                memcpy(row.span_id, s.base + f.at, 8)
        elif f.number == 4:
            parent_length = f.end - f.at
            if parent_length == 8:
                memcpy(row.parent_id, s.base + f.at, 8)
            if parent_length != 8 or is_zero(row.parent_id, 8):
                memset(row.parent_id, 0, 8)
                canonical = 0
        elif f.number == 3:
            flags = check_text(s, &f, &row.trace_state)
            bad |= flags & BAD_UTF8
            canonical &= flags
        elif f.number == 5:
            flags = check_text(s, &f, &row.name)
            bad |= flags & BAD_UTF8
            canonical &= flags
        elif f.number == 11 or f.number == 13:
            flags = check(s, M_EVENT if f.number == 11 else M_LINK, f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            canonical &= flags
            if f.number == 11:
                row.events_count += 1
            else:
                row.links_count += 1
        elif f.number == 15:
            if (seen >> 16) & 2:
                s.repeated = 1
            seen |= <uint32_t> 1 << 17
            flags = scan_status(s, row, f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            canonical &= flags
        elif f.number == 6:
            row.kind = <int32_t> f.value
            if f.value == 0 or <int64_t> f.value != <int64_t> row.kind:
                canonical = 0
        else:
            text = <uint32_t> f.value
            if text != f.value or text == 0:
                canonical = 0
            if f.number == 10:
                row.head.dropped_attributes = <uint32_t> text
            elif f.number == 12:
                row.dropped_events = <uint32_t> text
            elif f.number == 14:
                row.dropped_links = <uint32_t> text
            else:
                row.flags = <uint32_t> text
    fault = -1
    if trace_length != 16:
        fault = 0
    elif is_zero(row.trace_id, 16):
        fault = 1
    elif span_length != 8:
        fault = 2
    elif is_zero(row.span_id, 8):
        fault = 3
    elif parent_length != 0 and parent_length != 8:
        fault = 4
    elif bad:
        fault = 5
    if fault >= 0:
        reject(s, fault, s.received, 1)
        s.attr_count = first
    else:
        if excess:
            canonical = 0
            row.head.dropped_attributes += excess
            if row.head.dropped_attributes < excess:
                row.head.dropped_attributes = NOWHERE
        row.head.attrs_count = <uint32_t> (s.attr_count - first)
        row.head.canonical = canonical
        row.head.scope = <uint32_t> s.scope_count
        s.like = first
        s.like_count = row.head.attrs_count
        if s.first_accepted == NOWHERE:
            s.first_accepted = s.received
        s.row_count += 1
    s.received += 1
    return 0


cdef int scan_status(Scan* s, SpanRow* row, uint32_t at, uint32_t end, int depth) noexcept nogil:
    cdef Field f
    cdef uint32_t pos = at
    cdef int flags = check(s, M_STATUS, at, end, depth)
    if flags < 0:
        return -1
    while pos < end:
        next_field(s.base, pos, end, depth, &f)
        pos = f.end
        if f.number == 2 and f.wire == 2:
            row.status_message.at = f.at
            row.status_message.length = f.end - f.at
        elif f.number == 3 and f.wire == 0:
            row.status_code = <int32_t> f.value
    return flags
