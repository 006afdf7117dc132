"""Joins the parts of singular messages, as protobuf's merge rule says; only for requests that have such parts."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport *


cdef void merge(Writer* w, int message, size_t first_part, size_t parts) noexcept nogil:
    # Writes the message whose payload is w.items[first_part : first_part + parts], one after the other.
    cdef size_t first = w.item_count
    cdef size_t i, children, used
    cdef uint32_t pos, end, number
    cdef uint32_t last = 0
    cdef uint32_t seen = 0
    cdef Field f
    cdef int kind
    for i in range(first_part, first_part + parts):
        pos = w.items[i].at
        end = w.items[i].end
        while pos < end:
            next_field(w.source.base, pos, end, 100, &f)
            pos = f.end
            kind = otlp_kind(message, f.number, f.wire)
            if kind == K_UNKNOWN:
                continue
            if message == M_ANYVALUE:
                if kind != K_MESSAGE or last != f.number:
                    w.item_count = first
                    seen = 0
                last = f.number
            if not add_item(w, &f):
                return
            seen |= <uint32_t> 1 << f.number
    number = 16
    while number:
        if (seen >> number) & 1:
            merge_number(w, message, first, number)
        number -= 1
    w.item_count = first


cdef void merge_number(Writer* w, int message, size_t first, uint32_t number) noexcept nogil:
    cdef size_t end = w.item_count
    cdef size_t i = end
    cdef size_t used
    cdef Field f
    cdef int kind
    while i > first:
        i -= 1
        if w.items[i].number != number:
            continue
        f = w.items[i]
        kind = otlp_kind(message, f.number, f.wire)
        if kind == K_MESSAGE:
            for i in range(first, end):
                f = w.items[i]
                if f.number == number and not add_item(w, &f):
                    return
            used = w.used
            merge(w, otlp_child(message, number), end, w.item_count - end)
            push_header(w, number, w.used - used)
            w.item_count = end
            return
        if kind == K_MESSAGES:
            if not add_item(w, &f):
                return
            used = w.used
            merge(w, otlp_child(message, number), end, 1)
            push_header(w, number, w.used - used)
            w.item_count = end
        else:
            push_item(w, message, &f)
            if kind != K_STRINGS:
                return


def coalesce(body) -> bytes:
    """The same ExportTraceServiceRequest with every singular message in one piece, unknown and shadowed fields left out.

    Args:
        body: A request whose structure was checked by `scan`.
    """
    cdef Py_buffer view
    cdef Writer w
    cdef Source source
    cdef Field whole
    memset(&w, 0, sizeof(Writer))
    memset(&source, 0, sizeof(Source))
    memset(&whole, 0, sizeof(Field))
    PyObject_GetBuffer(body, &view, PyBUF_SIMPLE)
    try:
        source.base = <const uint8_t*> view.buf
        whole.end = <uint32_t> view.len
        w.source = &source
        w.room = view.len + 1024
        w.data = <uint8_t*> malloc(w.room)
        if w.data == NULL:
            w.failed = True
        with nogil:
            if not w.failed and add_item(&w, &whole):
                merge(&w, M_REQUEST, 0, 1)
        if w.failed:
            raise MemoryError
        return PyBytes_FromStringAndSize(<char*> w.data + w.room - w.used, w.used)
    finally:
        PyBuffer_Release(&view)
        free(w.items)
        free(w.data)
