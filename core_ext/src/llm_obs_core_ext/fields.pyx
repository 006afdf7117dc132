"""Fields of a request or an answer into attributes, by a table: what an instrumentor does several times a call.

Some twenty lookups and type checks a call are a few microseconds of Python, and four times that when the library's own
work has emptied the caches in between.
"""

from cpython.dict cimport PyDict_Check, PyDict_SetItem
from cpython.float cimport PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.ref cimport Py_DECREF, PyObject
from cpython.unicode cimport PyUnicode_CheckExact

from llm_obs_core_ext.recorder cimport RecordedSpan

cdef extern from "Python.h":
    PyObject *PyObject_GenericGetDict(object, void *)
    void PyErr_Clear()
    PyObject *PyDict_GetItemWithError(object, object) except? NULL

cdef enum:
    TEXT
    COUNT
    PART
    REAL
    NESTED
    LISTED
    FIXED
    OTHER

KINDS = {"text": TEXT, "count": COUNT, "part": PART, "real": REAL}
cdef dict NOTHING = {}


cdef object fields_of(object item):
    """The dict behind a dict or an object; an empty one behind anything else."""
    cdef PyObject *place
    if PyDict_Check(item):
        return item
    place = PyObject_GenericGetDict(item, NULL)  # `item.__dict__` asks a model's own attribute hooks first
    if place == NULL:
        PyErr_Clear()
        return NOTHING
    found = <object>place
    Py_DECREF(found)
    return found


cdef object extras_of(object item):
    """What a model was given beside its fields (`__pydantic_extra__`)."""
    if PyDict_Check(item):
        return NOTHING
    found = getattr(item, "__pydantic_extra__", None)
    return found if found is not None and PyDict_Check(found) else NOTHING


cdef class Part:
    """A kind: the field has fields of its own, read by `table`; the row's attribute says whether it was there.

    Args:
        table: The fields of the part. One that the model does not know is looked for among its extras.
        there: Value of the row's attribute when the field is there; None writes none.
        missing: The same when it is missing or None.
    """

    def __init__(self, Fields table not None, there=None, missing=None):
        self.table = table
        self.there = there
        self.missing = missing


cdef class Always:
    """A kind: the row's attribute has this value whatever the item says; its field is not looked at."""

    def __init__(self, value):
        self.value = value


cdef class Each:
    """A kind: the field is a list; one text field of each item, in the conventions' words, is the attribute's list.

    Nothing is recorded when no item has the field. An item without it is an empty text.
    """

    def __init__(self, str field not None, words):
        self.field = field
        self.words = dict(words)

    cdef object values(self, object items):
        cdef PyObject *place
        cdef PyObject *word
        cdef list found
        cdef bint some = False
        if not PyList_CheckExact(items):
            return None
        found = []
        for item in <list>items:
            place = PyDict_GetItemWithError(fields_of(item), self.field)
            if place == NULL or not PyUnicode_CheckExact(<object>place):
                found.append("")
                continue
            some = True
            word = PyDict_GetItemWithError(self.words, <object>place)
            found.append(<object>(place if word == NULL else word))
        return found if some else None


cdef inline int put(dict found, RecordedSpan span, object key, object value) except -1:
    if span is None:
        return PyDict_SetItem(found, key, value)
    return span.set_one(key, value)


cdef class Fields:
    """A table of fields.

    Args:
        table: (field, attribute, kind) each. A kind is `text` (a string that is not empty), `count` (an integer), `part`
            (an integer that is not zero), `real` (a float, or an integer made one), a `Part`, an `Each`, an `Always`, or a callable
            that gives the attribute's value, None for none. Values of other types are left out.
    """

    def __init__(self, table):
        rows = tuple(table)
        self.names = tuple([name for name, _, _ in rows])
        self.keys = tuple([key for _, key, _ in rows])
        kinds = []
        for _, _, kind in rows:
            if isinstance(kind, Part):
                kinds.append(NESTED)
            elif isinstance(kind, Each):
                kinds.append(LISTED)
            elif isinstance(kind, Always):
                kinds.append(FIXED)
            else:
                kinds.append(OTHER if callable(kind) else KINDS[kind])
        self.kinds = bytes(kinds)
        self.converters = tuple([kind for _, _, kind in rows])

    def into(self, dict found not None, item):
        """Adds the attributes of a dict, or of an object whose fields are in its `__dict__`, to `found`."""
        self.add(found, None, item)

    def record(self, span, item):
        """Sets them on a span."""
        cdef dict found
        if isinstance(span, RecordedSpan) and not (<RecordedSpan>span).end_ns and (<RecordedSpan>span).limits.max_attributes:
            self.add(None, <RecordedSpan>span, item)
            return
        found = {}
        self.add(found, None, item)
        if found:
            span.set_attributes(found)

    cdef int add(self, dict found, RecordedSpan span, object item) except -1:
        cdef object fields = fields_of(item), extras = None
        cdef Py_ssize_t i
        cdef char kind
        cdef PyObject *place
        cdef Part part
        for i in range(len(self.names)):
            kind = self.kinds[i]
            if kind == FIXED:
                put(found, span, self.keys[i], (<Always>self.converters[i]).value)
                continue
            place = PyDict_GetItemWithError(fields, self.names[i])
            if place == NULL and kind == NESTED:
                if extras is None:
                    extras = extras_of(item)
                place = PyDict_GetItemWithError(extras, self.names[i])
            if place == NULL or <object>place is None:
                if kind == NESTED and (<Part>self.converters[i]).missing is not None:
                    put(found, span, self.keys[i], (<Part>self.converters[i]).missing)
                continue
            value = <object>place
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
            elif kind == NESTED:
                part = <Part>self.converters[i]
                part.table.add(found, span, value)
                value = part.there
                if value is None:
                    continue
            elif kind == LISTED:
                value = (<Each>self.converters[i]).values(value)
                if value is None:
                    continue
            else:
                value = self.converters[i](value)
                if value is None:
                    continue
            put(found, span, self.keys[i], value)
        return 0
