# What an attribute's value counts as when a column needs a type: the rules of llm_obs_core/typed.py.
from libc.math cimport rint
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport VALUE_DOUBLE, VALUE_INT, VALUE_STRING, Attr

cdef bint digits_int(const uint8_t* text, uint32_t length, int64_t* out) noexcept nogil
cdef uint32_t int_digits(int64_t value, char* out) noexcept nogil  # writes at most 20 bytes; how many


cdef inline bint attr_int(const uint8_t* base, const Attr* attr, int64_t* out) noexcept nogil:
    # An int, a double without a fraction, or decimal digits. `base`: what the attribute's offsets count from.
    cdef double number
    if attr.type == VALUE_INT:
        out[0] = attr.value.i64
        return True
    if attr.type == VALUE_STRING:
        return digits_int(base + attr.value.text.at, attr.value.text.length, out)
    if attr.type == VALUE_DOUBLE:
        number = attr.value.f64
        if -9223372036854775808.0 <= number < 9223372036854775808.0 and rint(number) == number:
            out[0] = <int64_t> number
            return True
    return False


cdef inline bint attr_nanoseconds(const Attr* attr, int64_t* out) noexcept nogil:
    # Seconds, a double or an int, as nanoseconds, rounded half to even; not when negative or too many.
    cdef double number
    if attr.type == VALUE_DOUBLE:
        number = attr.value.f64 * 1e9
    elif attr.type == VALUE_INT:
        number = <double> attr.value.i64 * 1e9
    else:
        return False
    if not 0.0 <= number < 9223372036854775808.0:
        return False
    out[0] = <int64_t> rint(number)
    return True
