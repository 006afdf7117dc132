"""Attribute values as OTLP bytes, and back: what the encoder and the recorder share.

Rules of the OpenTelemetry SDK (`opentelemetry.attributes`): None, bool, int, float, str, bytes, sequences and mappings of
them are values; anything else becomes its text, or None when it has none of its own. Ours beside them: lone surrogates
become U+FFFD, and what OTLP cannot hold (integers beyond 64 bits, nesting deeper than `MAX_DEPTH`) raises here so that the
caller drops the attribute and counts it.
"""

from collections.abc import Mapping, Sequence

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE, PyBytes_CheckExact, PyBytes_FromStringAndSize
from cpython.dict cimport PyDict_CheckExact, PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact, PyList_GET_ITEM, PyList_GET_SIZE
from cpython.long cimport PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8String, PyUnicode_CheckExact, PyUnicode_DecodeUTF8
from libc.stdlib cimport free, realloc

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void *PyUnicode_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1
    object PyUnicode_FromObject(object)

# upb refuses a request that nests deeper than 100 messages; each array costs two, a span's attribute starts at seven.
cdef int MAX_DEPTH = 40


cdef int buf_grow(Buf *b, size_t extra) except -1:
    cdef size_t wanted = b.capacity * 2
    cdef void *data
    if wanted < b.size + extra:
        wanted = b.size + extra
    if wanted < 1024:
        wanted = 1024
    data = realloc(b.data, wanted)
    if data == NULL:
        raise MemoryError
    b.data = <uint8_t *>data
    b.capacity = wanted
    return 0


cdef void buf_free(Buf *b) noexcept:
    free(b.data)
    b.data = NULL
    b.size = b.capacity = 0


cdef bytes utf8(str text):
    try:
        return PyUnicode_AsUTF8String(text)
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


cdef int put_text(Buf *b, uint8_t tag, str text) except -1:
    cdef bytes owned
    cdef const void *p
    cdef size_t n
    if PyUnicode_IS_COMPACT_ASCII(text):
        p = PyUnicode_DATA(text)
        n = PyUnicode_GET_LENGTH(text)
    else:
        owned = utf8(text)
        p = PyBytes_AS_STRING(owned)
        n = PyBytes_GET_SIZE(owned)
    buf_need(b, n + 11)
    put_byte(b, tag)
    put_varint(b, n)
    put_raw(b, p, n)
    return 0


cdef int put_string(Buf *b, uint8_t tag, object text) except -1:
    """A string field; an empty one is left out, as proto3 does."""
    if text is None:
        return 0
    if not PyUnicode_CheckExact(text):
        text = PyUnicode_FromObject(text) if isinstance(text, str) else str(text)
    if PyUnicode_GET_LENGTH(text):
        put_text(b, tag, <str>text)
    return 0


cdef int put_any(Buf *b, uint8_t tag, object v, Py_ssize_t max_chars, int depth) except -1:
    """An AnyValue behind `tag`; see `put_key_value` for the result."""
    cdef int overflow = 0
    cdef int64_t number
    cdef double real
    cdef size_t n, mark
    cdef Py_ssize_t i, count
    cdef Py_ssize_t at = 0
    cdef PyObject *k = NULL
    cdef PyObject *item = NULL
    cdef bytes owned
    cdef const void *p
    cdef int rc
    if PyUnicode_CheckExact(v):
        if max_chars >= 0 and PyUnicode_GET_LENGTH(v) > max_chars:
            v = (<str>v)[:max_chars]
        if PyUnicode_IS_COMPACT_ASCII(v):
            p = PyUnicode_DATA(v)
            n = PyUnicode_GET_LENGTH(v)
        else:
            owned = utf8(<str>v)
            p = PyBytes_AS_STRING(owned)
            n = PyBytes_GET_SIZE(owned)
        buf_need(b, n + 22)
        put_byte(b, tag)
        put_varint(b, 1 + varint_size(n) + n)
        put_byte(b, 0x0A)
        put_varint(b, n)
        put_raw(b, p, n)
    elif v is None:
        buf_need(b, 2)
        put_byte(b, tag)
        put_byte(b, 0)
    elif v is True or v is False:
        buf_need(b, 4)
        put_byte(b, tag)
        put_byte(b, 2)
        put_byte(b, 0x10)
        put_byte(b, 1 if v is True else 0)
    elif PyLong_CheckExact(v):
        number = PyLong_AsLongLongAndOverflow(v, &overflow)
        if overflow:
            raise OverflowError("expected an integer of 64 bits, got a larger one; record it as text")
        buf_need(b, 13)
        put_byte(b, tag)
        put_byte(b, <uint8_t>(1 + varint_size(<uint64_t>number)))
        put_byte(b, 0x18)
        put_varint(b, <uint64_t>number)
    elif PyFloat_CheckExact(v):
        real = PyFloat_AS_DOUBLE(v)
        buf_need(b, 11)
        put_byte(b, tag)
        put_byte(b, 9)
        put_byte(b, 0x21)
        put_raw(b, &real, 8)
    elif PyBytes_CheckExact(v):
        n = PyBytes_GET_SIZE(v)
        buf_need(b, n + 22)
        put_byte(b, tag)
        put_varint(b, 1 + varint_size(n) + n)
        put_byte(b, 0x3A)
        put_varint(b, n)
        put_raw(b, PyBytes_AS_STRING(v), n)
    elif PyTuple_CheckExact(v) or PyList_CheckExact(v):
        mark = open_nested(b, tag, 0x2A, depth)
        count = PyTuple_GET_SIZE(v) if PyTuple_CheckExact(v) else PyList_GET_SIZE(v)
        for i in range(count):
            if PyTuple_CheckExact(v):
                rc = put_any(b, 0x0A, <object>PyTuple_GET_ITEM(v, i), max_chars, depth + 1)
            else:
                rc = put_any(b, 0x0A, <object>PyList_GET_ITEM(v, i), max_chars, depth + 1)
            if rc:
                return rc
        close_nested(b, mark)
    elif PyDict_CheckExact(v):
        mark = open_nested(b, tag, 0x32, depth)
        while PyDict_Next(v, &at, &k, &item):
            if not PyUnicode_CheckExact(<object>k):
                return 1
            if max_chars != KEEP_EMPTY_KEYS and PyUnicode_GET_LENGTH(<object>k) == 0:
                return 1
            rc = put_entry(b, 0x0A, <str>k, <object>item, max_chars, depth + 1)
            if rc:
                return rc
        close_nested(b, mark)
    else:
        return 1
    return 0


cdef size_t open_nested(Buf *b, uint8_t tag, uint8_t inner, int depth) except 0:
    if depth > MAX_DEPTH:
        raise ValueError(f"expected a value of at most {MAX_DEPTH} levels, got a deeper one; record it as JSON text")
    buf_need(b, 4)
    put_byte(b, tag)
    put_byte(b, 0)
    put_byte(b, inner)
    put_byte(b, 0)
    return b.size


cdef int close_nested(Buf *b, size_t mark) except -1:
    close_length(b, mark - 1, 1)
    close_length(b, mark - 3, 1)
    return 0


cdef int put_entry(Buf *b, uint8_t tag, str key, object value, Py_ssize_t max_chars, int depth) except -1:
    cdef size_t mark, reserved
    cdef int rc
    # The length of long text is guessed so that it need not be moved: key, value and at most 16 bytes around them.
    reserved = 1
    if PyUnicode_CheckExact(value) and PyUnicode_GET_LENGTH(value) + PyUnicode_GET_LENGTH(key) > 118:
        reserved = varint_size(PyUnicode_GET_LENGTH(value) + PyUnicode_GET_LENGTH(key) + 8)
    buf_need(b, 12)
    put_byte(b, tag)
    mark = b.size
    b.size += reserved
    put_text(b, 0x0A, key)
    rc = put_any(b, 0x12, value, max_chars, depth)
    if rc == 0:
        close_length(b, mark, reserved)
    return rc


cdef int put_plain(Buf *b, uint8_t tag, str key, object value, Py_ssize_t max_chars) except -1:
    """Writes the KeyValue and returns 1 when key and value are such as nearly all are; else writes nothing, returns 0.

    That is a key in ASCII below 128 characters, and a text in ASCII, an int of 64 bits, a float or a bool.
    """
    cdef size_t key_length = PyUnicode_GET_LENGTH(key)
    cdef size_t length = 0
    cdef size_t inner
    cdef int overflow = 0
    cdef int64_t number = 0
    cdef double real
    cdef uint8_t kind
    cdef uint8_t *p
    if key_length > 127 or not PyUnicode_IS_COMPACT_ASCII(key):
        return 0
    if PyUnicode_CheckExact(value):
        length = PyUnicode_GET_LENGTH(value)
        if not PyUnicode_IS_COMPACT_ASCII(value) or max_chars >= 0 and length > <size_t>max_chars:
            return 0
        kind = 0x0A
        inner = 1 + varint_size(length) + length
    elif PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow:
            return 0
        kind = 0x18
        inner = 1 + varint_size(<uint64_t>number)
    elif PyFloat_CheckExact(value):
        kind = 0x21
        inner = 9
    elif value is True or value is False:
        kind = 0x10
        inner = 2
    else:
        return 0
    buf_need(b, key_length + inner + 24)
    p = b.data + b.size
    p[0] = tag
    p = write_varint(p + 1, 3 + key_length + varint_size(inner) + inner)
    p[0] = 0x0A
    p[1] = <uint8_t>key_length
    memcpy(p + 2, PyUnicode_DATA(key), key_length)
    p += 2 + key_length
    p[0] = 0x12
    p = write_varint(p + 1, inner)
    p[0] = kind
    if kind == 0x0A:
        p = write_varint(p + 1, length)
        memcpy(p, PyUnicode_DATA(value), length)
        p += length
    elif kind == 0x18:
        p = write_varint(p + 1, <uint64_t>number)
    elif kind == 0x21:
        real = PyFloat_AS_DOUBLE(value)
        memcpy(p + 1, &real, 8)
        p += 9
    else:
        p[1] = value is True
        p += 2
    b.size = p - b.data
    return 1


cdef int put_key_value(Buf *b, uint8_t tag, str key, object value, Py_ssize_t max_chars) except -1:
    cdef size_t start = b.size
    cdef int rc
    if put_plain(b, tag, key, value, max_chars):
        return 0
    try:
        rc = put_entry(b, tag, key, value, max_chars, 0)
    except BaseException:
        b.size = start
        raise
    if rc:
        b.size = start
    return rc


cdef bint has_own_text(object value):
    kind = type(value)
    return kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__


cdef object clean_key(object key):
    """The key as exact str, or None when it has to be dropped."""
    if PyUnicode_CheckExact(key):
        return key if key else None
    if not key:
        return None
    if isinstance(key, str):
        return PyUnicode_FromObject(key)
    return str(key) if has_own_text(key) else None


cdef object clean(object v, bint strict, int depth):
    cdef int overflow = 0
    cdef long long number
    cdef dict mapping
    if v is None or v is True or v is False:
        return v
    if PyUnicode_CheckExact(v) or PyLong_CheckExact(v) or PyFloat_CheckExact(v) or PyBytes_CheckExact(v):
        return v
    if depth > MAX_DEPTH:
        raise ValueError(f"expected a value of at most {MAX_DEPTH} levels, got a deeper one; record it as JSON text")
    if isinstance(v, str):
        return PyUnicode_FromObject(v)
    if isinstance(v, int):
        number = PyLong_AsLongLongAndOverflow(v, &overflow)
        if overflow:
            raise OverflowError("expected an integer of 64 bits, got a larger one; record it as text")
        return number
    if isinstance(v, float):
        return PyFloat_AS_DOUBLE(v)
    if isinstance(v, bytes):
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(v), PyBytes_GET_SIZE(v))
    if isinstance(v, Sequence):
        return tuple([clean(item, strict, depth + 1) for item in v])
    if isinstance(v, Mapping):
        mapping = {}
        for key, value in v.items():
            name = str(key) if strict else clean_key(key)
            if name is not None:
                mapping[PyUnicode_FromObject(name)] = clean(value, strict, depth + 1)
        return mapping
    if strict:
        raise TypeError(f"expected a value that OTLP can hold, got {type(v).__name__}; record its text")
    return PyUnicode_FromObject(str(v)) if has_own_text(v) else None


cdef int put_mapping(
    Buf *b, uint8_t tag, object attributes, Py_ssize_t limit, Py_ssize_t max_chars, uint32_t *dropped
) except -1:
    """The attributes of an event or a link: the last `limit` of them (-1: all), cleaned; `dropped` counts the others."""
    cdef dict mine = {}
    cdef Py_ssize_t skip
    dropped[0] = 0
    if not attributes:
        return 0
    given = len(attributes)
    for key, value in attributes.items():
        name = clean_key(key)
        if name is not None:
            try:
                mine[name] = clean(value, False, 0)
            except Exception:  # a value that cannot be read is counted as dropped below
                continue
    skip = max(0, len(mine) - limit) if limit >= 0 else 0
    dropped[0] = <uint32_t>(given - len(mine) + skip)
    for name, value in mine.items():
        if skip:
            skip -= 1
            continue
        try:
            put_key_value(b, tag, <str>name, value, max_chars)
        except (OverflowError, ValueError):
            dropped[0] += 1
    return 0


# Reading back what was written here: the bytes are our own and need no checks.
cdef uint64_t read_varint(const uint8_t **p) noexcept:
    cdef uint64_t v = 0
    cdef int shift = 0
    while True:
        v |= (<uint64_t>(p[0][0] & 0x7F)) << shift
        p[0] += 1
        if not p[0][-1] & 0x80:
            return v
        shift += 7


cdef object read_value(const uint8_t *p, const uint8_t *end):
    cdef uint8_t tag
    cdef uint64_t n
    cdef double real
    cdef const uint8_t *stop
    if p == end:
        return None
    tag = p[0]
    p += 1
    if tag == 0x21:
        memcpy(&real, p, 8)
        return real
    n = read_varint(&p)
    if tag == 0x0A:
        return PyUnicode_DecodeUTF8(<const char *>p, n, NULL)
    if tag == 0x10:
        return n != 0
    if tag == 0x18:
        return <int64_t>n
    if tag == 0x3A:
        return PyBytes_FromStringAndSize(<const char *>p, n)
    items = []
    stop = p + n
    while p < stop:
        p += 1
        n = read_varint(&p)
        items.append(read_value(p, p + n) if tag == 0x2A else read_key_value(p, p + n))
        p += n
    return tuple(items) if tag == 0x2A else dict(items)


cdef object read_key_value(const uint8_t *p, const uint8_t *end):
    """A KeyValue's fields as (key, value)."""
    cdef uint64_t n
    p += 1
    n = read_varint(&p)
    key = PyUnicode_DecodeUTF8(<const char *>p, n, NULL)
    p += n + 1
    n = read_varint(&p)
    return key, read_value(p, p + n)


cdef object read_event(bytes message):
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(message)
    cdef const uint8_t *end = p + PyBytes_GET_SIZE(message)
    cdef uint8_t tag
    cdef uint64_t n
    cdef uint64_t time = 0
    name = ""
    attributes = {}
    while p < end:
        tag = p[0]
        p += 1
        if tag == 0x09:
            memcpy(&time, p, 8)
            p += 8
            continue
        n = read_varint(&p)
        if tag == 0x20:
            continue
        if tag == 0x12:
            name = p[:n].decode()
        else:
            key, value = read_key_value(p, p + n)
            attributes[key] = value
        p += n
    return name, attributes, time


cdef int put_bytes(Buf *b, uint8_t tag, bytes message) except -1:
    buf_need(b, PyBytes_GET_SIZE(message) + 12)
    put_byte(b, tag)
    put_varint(b, PyBytes_GET_SIZE(message))
    put_raw(b, PyBytes_AS_STRING(message), PyBytes_GET_SIZE(message))
    return 0


cdef int put_flags(Buf *b, uint8_t tag, bint remote) except -1:
    """SpanFlags: whether the context is remote is known (0x100), and whether it is (0x200)."""
    cdef uint32_t flags = 0x300 if remote else 0x100
    buf_need(b, 5)
    put_byte(b, tag)
    put_raw(b, &flags, 4)
    return 0
