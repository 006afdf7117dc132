# Columns in Arrow's memory layout, over memory that is allocated without Python.
from libc.stdint cimport uint8_t


cdef class Memory:
    cdef uint8_t* data
    cdef Py_ssize_t size


cdef class Arrow:
    cdef readonly str type
    cdef readonly Py_ssize_t length
    cdef readonly Py_ssize_t null_count
    cdef readonly object validity
    cdef readonly object offsets
    cdef readonly object data


cdef Memory take_memory(uint8_t* data, size_t size)  # owns what malloc gave; raises MemoryError for NULL
cdef Arrow make_arrow(str type, Py_ssize_t length, Py_ssize_t null_count, validity, offsets, data)
