"""The rare half of `typed.pxd`."""

from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t


cdef bint digits_int(const uint8_t* text, uint32_t length, int64_t* out) noexcept nogil:
    # `-?[0-9]{1,19}` within 64 bits.
    cdef bint negative = length > 0 and text[0] == c"-"
    cdef uint32_t i = 1 if negative else 0
    cdef uint64_t total = 0
    if length == i or length - i > 19:
        return False
    while i < length:
        if text[i] < c"0" or text[i] > c"9":
            return False
        total = total * 10 + (text[i] - c"0")
        i += 1
    if total > <uint64_t> INT64_MAX + negative:
        return False
    out[0] = <int64_t> (0 - total) if negative else <int64_t> total
    return True


cdef uint32_t int_digits(int64_t value, char* out) noexcept nogil:
    cdef uint64_t rest = 0 - <uint64_t> value if value < 0 else <uint64_t> value
    cdef uint64_t left = rest
    cdef uint32_t length = 2 if value < 0 else 1
    cdef uint32_t at
    while left >= 10:
        left //= 10
        length += 1
    at = length
    out[0] = c"-"
    while at > (1 if value < 0 else 0):
        at -= 1
        out[at] = <char> (c"0" + rest % 10)
        rest //= 10
    return length
