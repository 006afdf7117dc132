"""The wire format: the rare and the loud half of `wire.pxd`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from llm_obs_core.errors import LimitError, WireError


cdef int skip_group(const uint8_t* base, uint32_t pos, uint32_t end, uint32_t number, int depth, Field* out) noexcept nogil:
    # Inside an unknown group upb lets field number 0 pass. Sets out.end to the byte after the end tag.
    cdef uint64_t tag
    cdef uint32_t tag_at
    cdef int fault
    if depth < 0:
        out.tag_at = pos
        return FAULT_DEPTH
    while pos < end:
        tag_at = pos
        fault = read_varint(base, pos, end, out)
        if fault:
            return fault
        tag = out.value
        if out.end - pos > 5 or tag >> 32:
            out.tag_at = pos
            return FAULT_TAG
        pos = out.end
        if tag & 7 == 0:
            fault = read_varint(base, pos, end, out)
            if fault:
                return fault
            pos = out.end
        elif tag & 7 == 1 or tag & 7 == 5:
            if end - pos < (8 if tag & 7 == 1 else 4):
                out.tag_at = end
                return FAULT_END
            pos += 8 if tag & 7 == 1 else 4
        elif tag & 7 == 2:
            fault = read_varint(base, pos, end, out)
            if fault:
                return fault
            if out.end - pos > 5 or out.value > 0x7FFFFFFE or out.value > end - out.end:
                out.tag_at = pos
                return FAULT_LENGTH
            pos = out.end + <uint32_t> out.value
        elif tag & 7 == 3:
            fault = skip_group(base, pos, end, <uint32_t> (tag >> 3), depth - 1, out)
            if fault:
                return fault
            pos = out.end
        elif tag & 7 == 4:
            if tag >> 3 != number:
                out.tag_at = tag_at
                return FAULT_GROUP
            out.end = pos
            return FAULT_NONE
        else:
            out.tag_at = tag_at
            return FAULT_TYPE
    out.tag_at = end
    return FAULT_GROUP


FAULTS = {
    FAULT_VARINT: ("a varint of at most 10 bytes", "a longer one"),
    FAULT_END: ("a whole field", "the end of its message"),
    FAULT_NUMBER: ("a field number from 1", "0"),
    FAULT_TYPE: ("wire type 0, 1, 2, 3 or 5", "6 or 7"),
    FAULT_LENGTH: ("a length within the message around it", "one that runs past its end"),
    FAULT_GROUP: ("groups that begin and end in the same message", "one without its other half"),
    FAULT_DEPTH: ("at most 100 levels of messages", "more"),
    FAULT_TAG: ("a field tag of at most 5 bytes and 32 bits", "a longer one"),
}


cdef int wire_error(int fault, uint32_t offset, str where) except -1:
    if fault == FAULT_MEMORY:
        raise MemoryError
    if fault == FAULT_SPANS:
        raise LimitError("fewer spans in one request", got="more than max_spans", where=where,
                         fix="send smaller batches or raise the collector's limit")
    expected, got = FAULTS[fault]
    raise WireError(expected, got=got, where=where, offset=offset,
                    fix="send a valid ExportTraceServiceRequest; the sender's encoder is broken or the body was cut")


def is_utf8(const uint8_t[::1] data, *, bint portable=False):
    """Whether bytes are UTF-8."""
    cdef size_t size = data.shape[0]
    cdef const uint8_t* text = &data[0] if size else NULL
    return utf8_valid_portable(text, size) if portable else utf8_valid(text, size)
