"""What the spans of one operation on one server have in common, encoded once and copied into each.

A model call's span starts with half a dozen attributes that are the same for every call of a client; encoding them
anew is a third of what starting the span costs.
"""

from cpython.dict cimport PyDict_GetItem
from cpython.object cimport PyObject_Hash
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from llm_obs_core import semconv

from llm_obs_core_ext.fields cimport Fields
from llm_obs_core_ext.otlpwrite cimport buf_free, buf_need, clean, put_key_value, put_raw
from llm_obs_core_ext.readable cimport Entry
from llm_obs_core_ext.recorder cimport RecordedSpan

cdef str MODEL = semconv.REQUEST_MODEL
cdef enum:
    MAX_NAMES = 256


cdef class CallTemplate:
    """The start of a model call's span; see `RecordingTracer.start_call`.

    Args:
        operation: `gen_ai.operation.name`.
        provider: `gen_ai.provider.name`.
        attributes: Further attributes of every call.
        fields: From the request's body to attributes.
    """

    def __cinit__(self, str operation not None, str provider not None, attributes, Fields fields not None):
        cdef size_t start
        cdef uint32_t i = 0
        self.operation = operation
        self.fields = fields
        self.names = {}
        self.attributes = {semconv.OPERATION_NAME: operation, semconv.PROVIDER_NAME: provider, **attributes}
        self.count = <uint32_t>len(self.attributes)
        self.entries = <Entry *>malloc(self.count * sizeof(Entry))
        if self.entries == NULL:
            raise MemoryError
        for key, value in self.attributes.items():
            start = self.preset.size
            if put_key_value(&self.preset, 0x4A, key, value, -1):
                put_key_value(&self.preset, 0x4A, key, clean(value, False, 0), -1)
            self.entries[i].hash = PyObject_Hash(key)
            self.entries[i].start = <uint32_t>start
            self.entries[i].size = <uint32_t>(self.preset.size - start)
            i += 1

    def __dealloc__(self):
        buf_free(&self.preset)
        free(self.entries)

    def name(self, model):
        """The span's name."""
        return self.name_of(model)

    def first(self, model, dict body not None):
        """The attributes that a span of this template starts with."""
        found = dict(self.attributes)
        if model:
            found[MODEL] = model
        self.fields.add(found, None, body)
        return found

    cdef object name_of(self, object model):
        cdef PyObject *known
        if not model:
            return self.operation
        if not PyUnicode_CheckExact(model):
            return f"{self.operation} {model}"
        known = PyDict_GetItem(self.names, model)
        if known != NULL:
            return <object>known
        if len(self.names) >= MAX_NAMES:
            self.names.clear()
        name = f"{self.operation} {model}"
        self.names[model] = name
        return name

    cdef int write(self, RecordedSpan span, object model, object body) except -1:
        """Sets them on a span that has at most the attributes of its context."""
        cdef uint32_t i
        cdef uint32_t base
        cdef Entry *entry
        if span.limits.max_attributes == 0:
            span.dropped_attributes_n += self.count
            return 0
        if self.copies(span):
            base = <uint32_t>span.attributes_buf.size
            buf_need(&span.attributes_buf, self.preset.size)
            put_raw(&span.attributes_buf, self.preset.data, self.preset.size)
            for i in range(self.count):
                entry = &span.entries[span.entry_count + i]
                entry[0] = self.entries[i]
                entry.start += base
            span.entry_count += self.count
            span.live_count += self.count
        else:
            for key, value in self.attributes.items():
                span.set_one(key, value)
        if model:
            span.set_one(MODEL, model)
        self.fields.add(None, span, body)
        return 0

    cdef bint copies(self, RecordedSpan span) noexcept:
        """Whether the encoded attributes may be copied: no limit cuts them, and none of them is there already."""
        cdef uint32_t i, j
        cdef Py_ssize_t most = span.limits.max_attributes
        if span.limits.max_chars >= 0 or span.entry_count + self.count > span.entry_capacity:
            return False
        if most >= 0 and <Py_ssize_t>(span.live_count + self.count) > most:
            return False
        for j in range(span.entry_count):
            for i in range(self.count):
                if span.entries[j].hash == self.entries[i].hash:
                    return False
        return True
