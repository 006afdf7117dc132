"""Fields of a request or an answer into attributes, by a table: what an instrumentor does several times a call.

Some twenty lookups and type checks a call are a few microseconds of Python, and four times that when the library's own
work has emptied the caches in between.
"""

from cpython.dict cimport PyDict_Check, PyDict_SetItem
from cpython.float cimport PyFloat_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object, object) except? NULL

cdef enum:
    TEXT
    COUNT
    PART
    REAL
    OTHER

KINDS = {"text": TEXT, "count": COUNT, "part": PART, "real": REAL}


cdef class Fields:
    """A table of fields.

    Args:
        table: (field, attribute, kind) each. A kind is `text` (a string that is not empty), `count` (an integer), `part`
            (an integer that is not zero), `real` (a float, or an integer made one), or a callable that gives the
            attribute's value, None for none. Values of other types are left out.
    """

    cdef tuple names, keys, converters
    cdef bytes kinds

    def __init__(self, table):
        rows = tuple(table)
        self.names = tuple([name for name, _, _ in rows])
        self.keys = tuple([key for _, key, _ in rows])
        self.kinds = bytes([OTHER if callable(kind) else KINDS[kind] for _, _, kind in rows])
        self.converters = tuple([kind if callable(kind) else None for _, _, kind in rows])

    def into(self, dict found not None, item):
        """Adds the attributes of a dict, or of an object whose fields are in its `__dict__`, to `found`."""
        cdef object fields = item if PyDict_Check(item) else item.__dict__
        cdef Py_ssize_t i
        cdef char kind
        cdef PyObject *place
        if not PyDict_Check(fields):
            raise TypeError(f"expected a dict or an object with one, got {type(item).__name__}")
        for i in range(len(self.names)):
            place = PyDict_GetItemWithError(fields, self.names[i])
            if place == NULL or <object>place is None:
                continue
            value = <object>place
            kind = self.kinds[i]
            if kind == TEXT:
                if not (PyUnicode_CheckExact(value) and value):
                    continue
            elif kind == COUNT or kind == PART:
                if not PyLong_CheckExact(value) or (kind == PART and not value):
                    continue
            elif kind == REAL:
                if PyLong_CheckExact(value):
                    value = float(value)
                elif not PyFloat_CheckExact(value):
                    continue
            else:
                value = self.converters[i](value)
                if value is None:
                    continue
            PyDict_SetItem(found, self.keys[i], value)
