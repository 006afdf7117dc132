"""The checks behind `scan`: every function takes bytes as they came and never reads past `end`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.wire cimport *


cdef int fail(Scan* s, int fault, uint32_t at) noexcept nogil:
    if s.fault == FAULT_NONE:
        s.fault = fault
        s.fault_at = at
    return -1


cdef int grow(Scan* s) noexcept nogil:
    # Room for one more of everything.
    cdef void* fresh
    if s.row_count == s.row_room:
        fresh = realloc(s.rows, (s.row_room * 3 // 2 + 16) * sizeof(SpanRow))
        if fresh == NULL:
            return fail(s, FAULT_MEMORY, 0)
        s.rows = <SpanRow*> fresh
        s.row_room = s.row_room * 3 // 2 + 16
    if s.attr_count == s.attr_room:
        fresh = realloc(s.attrs, (s.attr_room * 3 // 2 + 64) * sizeof(Attr))
        if fresh == NULL:
            return fail(s, FAULT_MEMORY, 0)
        s.attrs = <Attr*> fresh
        s.attr_room = s.attr_room * 3 // 2 + 64
    if s.scope_count == s.scope_room:
        fresh = realloc(s.scopes, (s.scope_room * 2 + 4) * sizeof(ScopeRow))
        if fresh == NULL:
            return fail(s, FAULT_MEMORY, 0)
        s.scopes = <ScopeRow*> fresh
        s.scope_room = s.scope_room * 2 + 4
    if s.resource_count == s.resource_room:
        fresh = realloc(s.resources, (s.resource_room * 2 + 4) * sizeof(ResourceRow))
        if fresh == NULL:
            return fail(s, FAULT_MEMORY, 0)
        s.resources = <ResourceRow*> fresh
        s.resource_room = s.resource_room * 2 + 4
    return 0


cdef int check(Scan* s, int message, uint32_t pos, uint32_t end, int depth) noexcept nogil:
    # Any message whose fields need no row: CANONICAL | BAD_UTF8, or -1 with s.fault set.
    cdef Field f
    cdef Attr attr
    cdef int result = CANONICAL
    cdef int bad = 0
    cdef int kind, flags, fault
    cdef uint32_t last = 0
    cdef uint32_t seen = 0
    cdef uint64_t bloom = 0
    cdef uint64_t bit
    cdef bint oneof = message == M_ANYVALUE
    if depth < 0:
        return fail(s, FAULT_DEPTH, pos)
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        kind = otlp_kind(message, f.number, f.wire)
        if kind == K_UNKNOWN or kind == K_ABSENT:
            result = 0
            if kind == K_ABSENT and oneof:
                last = f.number
            continue
        if f.number < last or not f.minimal:
            result = 0
        if kind < K_STRINGS and (seen >> f.number) & 1:
            result = 0
            if kind == K_MESSAGE and (not oneof or last == f.number):
                s.repeated = 1
        if oneof and seen:
            result = 0
        seen |= <uint32_t> 1 << f.number
        last = f.number
        if kind == K_STRING or kind == K_STRINGS:
            if not utf8_valid(s.base + f.at, f.end - f.at):
                bad = BAD_UTF8
            if kind == K_STRING and f.end == f.at and not oneof:
                result = 0
        elif kind == K_MESSAGE or kind == K_MESSAGES:
            if otlp_child(message, f.number) == M_KEYVALUE:
                flags = read_attr(s, f.at, f.end, depth - 1, &attr)
                if flags >= 0:
                    bit = <uint64_t> 1 << (attr.key_hash & 63)
                    if bloom & bit:
                        result = 0
                    bloom |= bit
            else:
                flags = check(s, otlp_child(message, f.number), f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            result &= flags
        elif kind == K_BYTES or kind == K_TEXTBYTES:
            if f.end == f.at and not oneof:
                result = 0
        elif not oneof and f.value == 0:
            result = 0
        elif kind == K_BOOL and f.value > 1:
            result = 0
        elif kind == K_U32 and f.value >> 32:
            result = 0
        elif kind == K_I32 and <int64_t> f.value != <int64_t> <int32_t> f.value:
            result = 0
    return result | bad


cdef int read_value(Scan* s, uint32_t pos, uint32_t end, int depth, Attr* out) noexcept nogil:
    # An AnyValue: the last member wins. Flags as `check`.
    cdef Field f
    cdef int result = CANONICAL
    cdef int bad = 0
    cdef int kind, flags, fault
    cdef uint32_t last = 0
    out.type = VALUE_NONE
    out.value.i64 = 0
    if depth < 0:
        return fail(s, FAULT_DEPTH, pos)
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        kind = otlp_kind(M_ANYVALUE, f.number, f.wire)
        if kind == K_UNKNOWN:
            result = 0
            continue
        if last or not f.minimal:
            result = 0
        out.type = f.number
        if kind == K_STRING or kind == K_TEXTBYTES:
            out.value.text.at = f.at
            out.value.text.length = f.end - f.at
            if kind == K_STRING and not utf8_valid(s.base + f.at, f.end - f.at):
                bad = BAD_UTF8
        elif kind == K_MESSAGE:
            if last == f.number:
                s.repeated = 1
            out.value.text.at = f.at
            out.value.text.length = f.end - f.at
            flags = check(s, otlp_child(M_ANYVALUE, f.number), f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            result &= flags
        elif kind == K_BOOL:
            if f.value > 1:
                result = 0
            out.value.i64 = f.value != 0
        elif kind == K_ABSENT:
            result = 0
            out.type = VALUE_NONE
            out.value.i64 = 0
        else:
            out.value.i64 = <int64_t> f.value
        last = f.number
    return result | bad


cdef int read_attr(Scan* s, uint32_t at, uint32_t end, int depth, Attr* out) noexcept nogil:
    # A KeyValue payload. Flags as `check`; entry_at and entry_end are the caller's.
    cdef const uint8_t* p = s.base + at
    cdef uint32_t size = end - at
    cdef uint32_t pos, value_size, value_at
    cdef int flags = CANONICAL
    cdef Field f
    cdef int kind, result, fault
    if depth < 1:
        return check_deep(s, at, end, depth, out)
    # The common form: a key below 128 bytes, then a value that fills the rest.
    if size > 4 and p[0] == 0x0A and 0 < p[1] < 0x80 and <uint32_t> p[1] + 4 <= size and p[2 + p[1]] == 0x12:
        out.key_at = at + 2
        out.key_length = p[1]
        pos = at + 2 + p[1] + 1
        value_size = s.base[pos]
        pos += 1
        if value_size >= 0x80 and pos < end:
            if s.base[pos] < 0x80:
                value_size = (value_size & 0x7F) | <uint32_t> s.base[pos] << 7
                flags = CANONICAL if s.base[pos] else 0
                pos += 1
            elif pos + 1 < end and 0 < s.base[pos + 1] < 0x80:
                value_size = (value_size & 0x7F) | <uint32_t> (s.base[pos] & 0x7F) << 7 | <uint32_t> s.base[pos + 1] << 14
                pos += 2
            else:
                value_size = <uint32_t> -1
        if flags and value_size == end - pos:
            out.key_hash = otlp_hash(p + 2, out.key_length)
            out.key_id = find_key(s, p + 2, out.key_length, out.key_hash)
            if out.key_id == KEY_UNKNOWN and not utf8_valid(p + 2, out.key_length):
                flags |= BAD_UTF8
            value_at = pos + 2
            if value_size > 2 and s.base[pos] == 0x0A:
                # The common value: a string whose length takes one or two bytes and that fills the rest.
                value_size = s.base[pos + 1]
                if value_size >= 0x80:
                    value_size = (value_size & 0x7F) | <uint32_t> s.base[pos + 2] << 7
                    value_at = pos + 3 if 0x80 <= value_size < 0x4000 else end + 1
                if value_size == end - value_at:
                    out.type = VALUE_STRING
                    out.value.text.at = value_at
                    out.value.text.length = value_size
                    if not utf8_valid(s.base + value_at, value_size):
                        flags |= BAD_UTF8
                    out.flags = CANONICAL | HAS_VALUE
                    return flags
            elif value_size > 1 and read_short(s.base + pos, value_size, out):
                out.flags = CANONICAL | HAS_VALUE
                return flags
            result = read_value(s, pos, end, depth - 1, out)
            if result < 0:
                return -1
            flags = (flags & result & CANONICAL) | ((flags | result) & BAD_UTF8)
            out.flags = <uint8_t> ((flags & CANONICAL) | HAS_VALUE)
            return flags
    out.key_at = at
    out.key_length = 0
    out.type = VALUE_NONE
    out.value.i64 = 0
    out.flags = 0
    flags = CANONICAL
    pos = at
    size = 0
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        kind = otlp_kind(M_KEYVALUE, f.number, f.wire)
        if kind == K_UNKNOWN or kind == K_ABSENT:
            flags &= ~CANONICAL
            continue
        if f.number <= size or not f.minimal:
            flags &= ~CANONICAL
        if f.number == 1:
            out.key_at = f.at
            out.key_length = f.end - f.at
            if not utf8_valid(s.base + f.at, f.end - f.at):
                flags |= BAD_UTF8
            if f.end == f.at:
                flags &= ~CANONICAL
        else:
            if out.flags:
                s.repeated = 1
            out.flags = HAS_VALUE
            result = read_value(s, f.at, f.end, depth - 1, out)
            if result < 0:
                return -1
            flags = (flags & (result | ~CANONICAL)) | (result & BAD_UTF8)
        size = f.number
    out.key_hash = otlp_hash(s.base + out.key_at, out.key_length)
    out.key_id = find_key(s, s.base + out.key_at, out.key_length, out.key_hash)
    out.flags |= flags & CANONICAL
    return flags


cdef int check_deep(Scan* s, uint32_t at, uint32_t end, int depth, Attr* out) noexcept nogil:
    # At the depth limit only the generic walk counts levels right.
    out.key_at = at
    out.key_length = 0
    out.type = VALUE_NONE
    out.flags = 0
    out.key_hash = 0
    out.key_id = KEY_UNKNOWN
    return check(s, M_KEYVALUE, at, end, depth) & ~CANONICAL if depth >= 0 else fail(s, FAULT_DEPTH, at)


cdef bint same_key(const uint8_t* base, const Attr* a, const Attr* b) noexcept nogil:
    if a.key_hash != b.key_hash or a.key_length != b.key_length:
        return False
    return same_bytes(base + a.key_at, base + b.key_at, a.key_length)


cdef int add_attr(Scan* s, const Field* f, size_t first, uint64_t* bloom, uint32_t* dropped, int depth) noexcept nogil:
    # Reads a KeyValue into the list that begins at `first`: a key keeps its first place and takes its last value.
    cdef Attr* attr
    cdef Attr* other
    cdef size_t i
    cdef int flags
    cdef uint64_t bit
    cdef bint twice = False
    if s.attr_count == s.attr_room and grow(s):
        return -1
    attr = &s.attrs[s.attr_count]
    flags = read_attr(s, f.at, f.end, depth, attr)
    if flags < 0:
        return -1
    attr.entry_at = f.tag_at
    attr.entry_end = f.end
    if not f.minimal:
        attr.flags &= ~CANONICAL
        flags &= ~CANONICAL
    if attr.key_id:
        twice = s.stamps[attr.key_id] == s.stamp
        s.stamps[attr.key_id] = s.stamp
    else:
        bit = <uint64_t> 1 << (attr.key_hash & 63)
        twice = (bloom[0] & bit) != 0
        bloom[0] |= bit
    if twice:
        for i in range(first, s.attr_count):
            other = &s.attrs[i]
            if same_key(s.base, other, attr):
                other[0] = attr[0]
                return flags & ~CANONICAL
    if s.attr_count - first >= s.max_attributes or s.attr_count >= s.attr_budget + 64 * (s.row_count + 1):
        if attr.key_id:
            s.stamps[attr.key_id] = 0
        dropped[0] += 1
        return flags & ~CANONICAL
    s.attr_count += 1
    return flags
