"""Columns in Arrow's memory layout; see `arrow.pyi`."""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport uint8_t
from libc.stdlib cimport free


cdef class Memory:
    """Bytes of malloc that live as long as somebody looks at them."""

    def __dealloc__(self):
        free(self.data)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self.data, self.size, 1, flags)


cdef Memory take_memory(uint8_t* data, size_t size):
    cdef Memory memory
    if data == NULL:
        raise MemoryError
    memory = Memory.__new__(Memory)
    memory.data = data
    memory.size = <Py_ssize_t> size
    return memory


cdef class Arrow:
    """One column."""

    def __repr__(self):
        return f"<Arrow {self.type}, {self.length} rows, {self.null_count} null>"


cdef Arrow make_arrow(str type, Py_ssize_t length, Py_ssize_t null_count, validity, offsets, data):
    cdef Arrow arrow = Arrow.__new__(Arrow)
    arrow.type = type
    arrow.length = length
    arrow.null_count = null_count
    arrow.validity = validity
    arrow.offsets = offsets
    arrow.data = data
    return arrow
