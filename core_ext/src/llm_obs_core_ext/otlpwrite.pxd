"""Writing OTLP protobuf into a growable buffer: the C contract of encode, recorder and spanqueue."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, int64_t
from libc.string cimport memcpy, memmove

cdef struct Buf:
    uint8_t *data       # owned, malloc'd; NULL while capacity is 0
    size_t size         # bytes written
    size_t capacity     # bytes allocated

cdef enum:
    # As `max_chars`: no limit, and an empty key within a value is written; otherwise it needs `clean`, which drops it.
    KEEP_EMPTY_KEYS = -2

cdef int buf_grow(Buf *b, size_t extra) except -1
cdef void buf_free(Buf *b) noexcept

# Writes one KeyValue behind `tag`; 0 written, 1 the value needs `clean` first (nothing written), -1 raised.
cdef int put_key_value(Buf *b, uint8_t tag, str key, object value, Py_ssize_t max_chars) except -1
cdef int put_plain(Buf *b, uint8_t tag, str key, object value, Py_ssize_t max_chars) except -1
# The plain form of any value (exact str, int, float, bool, bytes, tuple, dict); strict raises where the other makes text.
cdef object clean(object value, bint strict, int depth)
cdef object clean_key(object key)
cdef bytes utf8(str text)
cdef int put_string(Buf *b, uint8_t tag, object text) except -1
cdef int put_mapping(Buf *b, uint8_t tag, object attributes, Py_ssize_t limit, Py_ssize_t max_chars, uint32_t *dropped) except -1
cdef object read_value(const uint8_t *p, const uint8_t *end)
cdef object read_key_value(const uint8_t *p, const uint8_t *end)
cdef uint64_t read_varint(const uint8_t **p) noexcept


cdef inline int buf_need(Buf *b, size_t extra) except -1:
    if b.capacity - b.size < extra:
        buf_grow(b, extra)
    return 0


cdef inline size_t varint_size(uint64_t v) noexcept nogil:
    cdef size_t n = 1
    while v >= 0x80:
        v >>= 7
        n += 1
    return n


# The unchecked writers: the caller has called buf_need.
cdef inline void put_byte(Buf *b, uint8_t v) noexcept nogil:
    b.data[b.size] = v
    b.size += 1


cdef inline uint8_t *write_varint(uint8_t *p, uint64_t v) noexcept nogil:
    while v >= 0x80:
        p[0] = <uint8_t>(v | 0x80)
        p += 1
        v >>= 7
    p[0] = <uint8_t>v
    return p + 1


cdef inline void put_varint(Buf *b, uint64_t v) noexcept nogil:
    b.size = write_varint(b.data + b.size, v) - b.data


cdef inline void put_raw(Buf *b, const void *p, size_t n) noexcept nogil:
    if n:
        memcpy(b.data + b.size, p, n)
    b.size += n


cdef inline void put_fixed64(Buf *b, uint8_t tag, uint64_t v) noexcept nogil:
    cdef uint8_t *p = b.data + b.size
    p[0] = tag
    memcpy(p + 1, &v, 8)
    b.size += 9


cdef inline void put_big64(Buf *b, uint64_t v) noexcept nogil:
    cdef int i
    for i in range(8):
        b.data[b.size + i] = <uint8_t>(v >> (56 - 8 * i))
    b.size += 8


cdef inline int put_count(Buf *b, uint8_t tag, uint32_t n) except -1:
    if n:
        buf_need(b, 6)
        put_byte(b, tag)
        put_varint(b, n)
    return 0


# Closes a length-delimited field whose `reserved` length bytes start at `mark`; moves the body when they do not fit.
cdef inline int close_length(Buf *b, size_t mark, size_t reserved) except -1:
    cdef size_t body = b.size - mark - reserved
    cdef size_t width = varint_size(body)
    if width != reserved:
        if width > reserved:
            buf_need(b, width - reserved)
        memmove(b.data + mark + width, b.data + mark + reserved, body)
        b.size = mark + width + body
    write_varint(b.data + mark, body)
    return 0
cdef object read_event(bytes message)
cdef int put_bytes(Buf *b, uint8_t tag, bytes message) except -1
cdef int put_flags(Buf *b, uint8_t tag, bint remote) except -1
