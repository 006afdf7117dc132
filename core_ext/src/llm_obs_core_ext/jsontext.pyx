"""OTLP values as JSON text, compact and in their order.

Strings stay UTF-8; bytes become Base64 text, NaN and the infinities the words that protobuf's JSON has for them.
"""

from cpython.mem cimport PyMem_Free
from libc.math cimport isfinite, isnan
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy, strlen

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.typed cimport int_digits
from llm_obs_core_ext.wire cimport *


cdef extern from "Python.h":
    enum: Py_DTSF_ADD_DOT_0
    char* PyOS_double_to_string(double value, char format, int precision, int flags, int* kind)


cdef extern from "json.h" nogil:
    size_t json_plain(const uint8_t* p, size_t i, size_t n)


cdef const char* HEX = b"0123456789abcdef"
cdef const char* BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


cdef bint add_bytes(Bytes* out, const uint8_t* text, size_t length) noexcept nogil:
    cdef void* fresh
    cdef size_t room
    if out.failed:
        return False
    if out.room - out.used < length:
        room = out.room * 2 + length + 4096
        fresh = realloc(out.data, room)
        if fresh == NULL:
            out.failed = True
            return False
        out.data = <uint8_t*> fresh
        out.room = room
    if length:
        memcpy(out.data + out.used, text, length)
    out.used += length
    return True


cdef void add_word(Bytes* out, const char* word) noexcept nogil:
    add_bytes(out, <const uint8_t*> word, strlen(word))


cdef void add_string(Bytes* out, const uint8_t* text, size_t length) noexcept nogil:
    cdef size_t i = 0
    cdef size_t end
    cdef uint8_t escape[6]
    cdef uint8_t c
    add_word(out, b'"')
    while i < length:
        end = json_plain(text, i, length)
        add_bytes(out, text + i, end - i)
        if end == length:
            break
        c = text[end]
        i = end + 1
        if c == c'"':
            add_word(out, b'\\"')
        elif c == c"\\":
            add_word(out, b"\\\\")
        elif c == c"\n":
            add_word(out, b"\\n")
        elif c == c"\r":
            add_word(out, b"\\r")
        elif c == c"\t":
            add_word(out, b"\\t")
        elif c == c"\b":
            add_word(out, b"\\b")
        elif c == c"\f":
            add_word(out, b"\\f")
        else:
            memcpy(escape, b"\\u00", 4)
            escape[4] = HEX[c >> 4]
            escape[5] = HEX[c & 15]
            add_bytes(out, escape, 6)
    add_word(out, b'"')


cdef void add_base64(Bytes* out, const uint8_t* text, uint32_t length) noexcept nogil:
    cdef uint8_t group[4]
    cdef uint32_t i, bits, left
    add_word(out, b'"')
    for i in range(0, length, 3):
        left = min(length - i, 3)
        bits = <uint32_t> text[i] << 16
        if left > 1:
            bits |= <uint32_t> text[i + 1] << 8
        if left > 2:
            bits |= text[i + 2]
        group[0] = BASE64[bits >> 18]
        group[1] = BASE64[bits >> 12 & 63]
        group[2] = BASE64[bits >> 6 & 63] if left > 1 else c"="
        group[3] = BASE64[bits & 63] if left > 2 else c"="
        add_bytes(out, group, 4)
    add_word(out, b'"')


cdef void add_double(Bytes* out, double number) noexcept nogil:
    cdef char* text
    if isnan(number):
        add_word(out, b'"NaN"')
    elif not isfinite(number):
        add_word(out, b'"Infinity"' if number > 0 else b'"-Infinity"')
    else:
        with gil:  # the shortest digits that read back as the same number are in Python's library only
            text = PyOS_double_to_string(number, c"r", 0, Py_DTSF_ADD_DOT_0, NULL)
            if text == NULL:
                out.failed = True
            else:
                add_word(out, text)
                PyMem_Free(text)


cdef void add_list(Bytes* out, const uint8_t* base, uint32_t at, uint32_t end) noexcept nogil:
    cdef Field f
    cdef bint first = True
    add_word(out, b"[")
    while at < end:
        next_field(base, at, end, 100, &f)
        at = f.end
        if not first:
            add_word(out, b",")
        first = False
        add_json(out, base, f.at, f.end)
    add_word(out, b"]")


cdef void add_object(Bytes* out, const uint8_t* base, uint32_t at, uint32_t end) noexcept nogil:
    cdef Field entry, f
    cdef Range key, value
    cdef bint first = True
    cdef uint32_t pos
    add_word(out, b"{")
    while at < end:
        next_field(base, at, end, 100, &entry)
        pos = entry.at
        at = entry.end
        key.at = key.length = value.at = value.length = 0
        while pos < entry.end:
            next_field(base, pos, entry.end, 100, &f)
            pos = f.end
            if f.number == 1:
                key.at = f.at
                key.length = f.end - f.at
            elif f.number == 2:
                value.at = f.at
                value.length = f.end - f.at
        if not first:
            add_word(out, b",")
        first = False
        add_string(out, base + key.at, key.length)
        add_word(out, b":")
        add_json(out, base, value.at, value.at + value.length)
    add_word(out, b"}")


cdef void add_json(Bytes* out, const uint8_t* base, uint32_t at, uint32_t end) noexcept nogil:
    cdef Field f
    cdef double number
    cdef char digits[20]
    if at == end:
        add_word(out, b"null")
        return
    if next_field(base, at, end, 100, &f):
        return  # cannot be: it was scanned
    if f.number == VALUE_STRING:
        add_string(out, base + f.at, f.end - f.at)
    elif f.number == VALUE_BYTES:
        add_base64(out, base + f.at, f.end - f.at)
    elif f.number == VALUE_INT:
        add_bytes(out, <const uint8_t*> digits, int_digits(<int64_t> f.value, digits))
    elif f.number == VALUE_BOOL:
        add_word(out, b"true" if f.value else b"false")
    elif f.number == VALUE_DOUBLE:
        memcpy(&number, &f.value, 8)
        add_double(out, number)
    elif f.number == VALUE_ARRAY:
        add_list(out, base, f.at, f.end)
    else:
        add_object(out, base, f.at, f.end)
