# OTLP values as JSON text.
from libc.stdint cimport uint8_t, uint32_t


cdef struct Bytes:
    uint8_t* data     # malloc's
    size_t used
    size_t room
    bint failed       # no memory; nothing is written from then on


cdef bint add_bytes(Bytes* out, const uint8_t* text, size_t length) noexcept nogil
cdef void add_word(Bytes* out, const char* word) noexcept nogil
cdef void add_string(Bytes* out, const uint8_t* text, size_t length) noexcept nogil
cdef void add_double(Bytes* out, double number) noexcept nogil
# The AnyValue payload base[at:end], which must be canonical: at most one member, one key once.
cdef void add_json(Bytes* out, const uint8_t* base, uint32_t at, uint32_t end) noexcept nogil
# The payload of a KeyValueList, canonical.
cdef void add_object(Bytes* out, const uint8_t* base, uint32_t at, uint32_t end) noexcept nogil
