"""One request from stored parts; see `assemble.pyi`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memset

from llm_obs_core_ext.writer cimport *

from llm_obs_core.errors import LimitError


cdef void push_bytes(Writer* w, bytes text):
    push(w, <const uint8_t*> PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))


cdef void push_envelope(Writer* w, object message):
    # Field 1 of the message around it.
    if message is not None:
        push_bytes(w, message)
        push_header(w, 1, PyBytes_GET_SIZE(message))


cdef bint same(object one, object two):
    cdef Py_ssize_t length
    if one is two:
        return True
    if one is None or two is None:
        return False
    length = PyBytes_GET_SIZE(one)
    return length == PyBytes_GET_SIZE(two) and memcmp(PyBytes_AS_STRING(one), PyBytes_AS_STRING(two), length) == 0


cdef list checked(object values, str name, Py_ssize_t count, bint nullable):
    cdef list out = list(values)
    if len(out) != count:
        raise ValueError(f"expected {count} {name}, one a span, got {len(out)}")
    for i, value in enumerate(out):
        if not isinstance(value, bytes) and not (nullable and value is None):
            wanted = "bytes or None" if nullable else "bytes"
            raise TypeError(f"expected {wanted} in {name}[{i}], got {type(value).__name__}")
    return out


def assemble(spans, scopes, resources):
    """One canonical ExportTraceServiceRequest of the rows' payloads, in their order."""
    cdef Writer w
    cdef list span_list = list(spans)
    cdef Py_ssize_t i = len(span_list)
    cdef list scope_list = checked(scopes, "scopes", i, True)
    cdef list resource_list = checked(resources, "resources", i, True)
    cdef size_t resource_used, scope_used
    cdef object resource, scope
    checked(span_list, "spans", i, False)
    memset(&w, 0, sizeof(Writer))
    w.room = 256 + sum(map(len, span_list)) + 16 * i
    w.data = <uint8_t*> malloc(w.room)
    w.failed = w.data == NULL
    try:
        while i and not w.failed and w.used < 0x7FFFFFFE:
            resource = resource_list[i - 1]
            resource_used = w.used
            while i and same(resource_list[i - 1], resource):
                scope = scope_list[i - 1]
                scope_used = w.used
                while i and same(scope_list[i - 1], scope) and same(resource_list[i - 1], resource):
                    i -= 1
                    push_bytes(&w, span_list[i])
                    push_header(&w, 2, PyBytes_GET_SIZE(span_list[i]))
                push_envelope(&w, scope)
                push_header(&w, 2, w.used - scope_used)
            push_envelope(&w, resource)
            push_header(&w, 1, w.used - resource_used)
        if w.failed:
            raise MemoryError
        if w.used > 0x7FFFFFFE:
            raise LimitError(
                "spans of less than 2 GiB together", got="more", where=f"{len(span_list)} spans",
                fix="assemble fewer at once",
            )
        return PyBytes_FromStringAndSize(<char*> w.data + w.room - w.used, w.used)
    finally:
        free(w.data)
