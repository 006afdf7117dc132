# The protobuf wire format, as upb reads it: bounded, never past `end`, no Python.
from libc.stdint cimport uint8_t, uint32_t, uint64_t


cdef extern from "otlp.h" nogil:
    enum:
        M_REQUEST, M_RESOURCE_SPANS, M_SCOPE_SPANS, M_SPAN, M_EVENT, M_LINK, M_STATUS, M_KEYVALUE, M_ANYVALUE, M_ARRAY
        M_KVLIST, M_SCOPE, M_RESOURCE, M_ENTITY
        K_UNKNOWN, K_STRING, K_BYTES, K_TEXTBYTES, K_MESSAGE, K_U32, K_I32, K_I64, K_BOOL, K_F64, K_F32, K_ABSENT
        K_STRINGS, K_MESSAGES
    int otlp_kind(int message, uint32_t number, uint32_t wire)  # a K_…; K_UNKNOWN also for the wrong wire type
    int otlp_child(int message, uint32_t number)                # the M_… of a message field
    bint utf8_valid(const uint8_t* text, size_t length)
    bint utf8_valid_portable(const uint8_t* text, size_t length)
    uint32_t otlp_hash(const uint8_t* text, uint32_t length)
    bint same_bytes(const uint8_t* a, const uint8_t* b, uint32_t length)
    uint64_t load64(const uint8_t* p)
    uint32_t load32(const uint8_t* p)


cdef extern from *:
    """
    #define highest_bit(bits) (31 - __builtin_clz(bits))
    """
    uint32_t highest_bit(uint32_t bits) nogil  # the number of the highest one; bits must not be 0


cdef enum WireFault:
    FAULT_NONE = 0
    FAULT_VARINT = 1
    FAULT_END = 2
    FAULT_NUMBER = 3
    FAULT_TYPE = 4
    FAULT_LENGTH = 5
    FAULT_GROUP = 6
    FAULT_DEPTH = 7
    FAULT_MEMORY = 8
    FAULT_SPANS = 9
    FAULT_TAG = 10


cdef struct Field:
    uint64_t value    # varint or fixed
    uint32_t tag_at   # the tag's first byte; after a fault, the byte that is wrong
    uint32_t number   # field number
    uint32_t wire     # 0, 1, 2, 3 (a whole group, skipped) or 5
    uint32_t at       # first byte of a length-delimited payload
    uint32_t end      # byte after the field
    uint32_t minimal  # 1 when no varint in it was longer than needed


cdef int skip_group(const uint8_t* base, uint32_t pos, uint32_t end, uint32_t number, int depth, Field* out) noexcept nogil
cdef int wire_error(int fault, uint32_t offset, str where) except -1


cdef inline int read_varint(const uint8_t* base, uint32_t pos, uint32_t end, Field* out) noexcept nogil:
    # Up to 10 bytes, bits above 64 cut off. Sets value, end and minimal.
    cdef uint64_t value = 0
    cdef uint64_t byte = 0
    cdef uint32_t shift = 0
    cdef uint32_t start = pos
    while pos < end:
        byte = base[pos]
        value |= (byte & 0x7F) << shift
        pos += 1
        if byte < 0x80:
            if byte == 0 and shift:
                out.minimal = 0
            elif shift == 63 and byte > 1:
                out.minimal = 0
            out.value = value
            out.end = pos
            return FAULT_NONE
        shift += 7
        if shift > 63:
            out.tag_at = start
            return FAULT_VARINT
    out.tag_at = end
    return FAULT_END


cdef inline int next_field(const uint8_t* base, uint32_t pos, uint32_t end, int depth, Field* out) noexcept nogil:
    # Reads one field of a message; pos < end. depth: how many levels may still be entered. Returns a WireFault.
    cdef uint32_t tag_at = pos
    cdef uint64_t tag = base[pos]
    cdef uint32_t size
    cdef int fault
    out.minimal = 1
    if tag < 0x80:
        pos += 1
    else:
        fault = read_varint(base, pos, end, out)
        if fault:
            return fault
        tag = out.value
        if out.end - pos > 5 or tag >> 32:
            out.tag_at = tag_at
            return FAULT_TAG
        pos = out.end
    out.tag_at = tag_at
    out.number = <uint32_t> (tag >> 3)
    out.wire = <uint32_t> (tag & 7)
    if out.number == 0:
        return FAULT_NUMBER
    if out.wire == 2:
        if pos < end and base[pos] < 0x80:
            size = base[pos]
            pos += 1
        else:
            fault = read_varint(base, pos, end, out)
            if fault:
                return fault
            if out.end - pos > 5 or out.value > 0x7FFFFFFE:
                out.tag_at = pos
                return FAULT_LENGTH
            size = <uint32_t> out.value
            pos = out.end
        if size > end - pos:
            out.tag_at = pos
            return FAULT_LENGTH
        out.at = pos
        out.end = pos + size
        return FAULT_NONE
    if out.wire == 0:
        return read_varint(base, pos, end, out)
    if out.wire == 1:
        if end - pos < 8:
            out.tag_at = end
            return FAULT_END
        out.value = load64(base + pos)
        out.end = pos + 8
        return FAULT_NONE
    if out.wire == 5:
        if end - pos < 4:
            out.tag_at = end
            return FAULT_END
        out.value = load32(base + pos)
        out.end = pos + 4
        return FAULT_NONE
    if out.wire == 3:
        fault = skip_group(base, pos, end, out.number, depth - 1, out)
        if fault == FAULT_NONE:
            out.tag_at = tag_at
            out.number = <uint32_t> (tag >> 3)
            out.wire = 3
        return fault
    if out.wire == 4:
        return FAULT_GROUP
    return FAULT_TYPE
