"""Scanned spans as rows over raw bytes; see `batch.pyi`, and `batch.pxd` for the C contract."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from llm_obs_core_ext.wire cimport otlp_hash

from functools import lru_cache

from llm_obs_core.semconv import KNOWN_KEYS


cdef uint32_t hash_key(const uint8_t* key, uint32_t length) noexcept nogil:
    return otlp_hash(key, length)


cdef class KeyTable:
    """Numbers for the keys that the hot path looks at."""

    def __cinit__(self, names=KNOWN_KEYS):
        cdef Py_ssize_t i
        cdef uint32_t slot
        cdef Py_ssize_t size = 16
        self.names = tuple(names)
        self.count = len(self.names)
        if self.count > 16383 or len(set(self.names)) != self.count:
            raise ValueError(f"expected at most 16383 different keys, got {self.count}")
        encoded = [name.encode() for name in self.names]
        self.blob = b"".join(encoded)
        self.blob_base = <const uint8_t*> PyBytes_AS_STRING(self.blob)
        while size < 4 * self.count:
            size *= 2
        self.mask = <uint32_t> (size - 1)
        self.starts = <uint32_t*> calloc(self.count + 2, sizeof(uint32_t))
        self.hashes = <uint32_t*> calloc(self.count + 1, sizeof(uint32_t))
        self.slots = <uint16_t*> calloc(size, sizeof(uint16_t))
        if self.starts == NULL or self.hashes == NULL or self.slots == NULL:
            raise MemoryError
        for i in range(self.count):
            self.starts[i + 2] = self.starts[i + 1] + <uint32_t> len(encoded[i])
            self.hashes[i + 1] = otlp_hash(self.blob_base + self.starts[i + 1], <uint32_t> len(encoded[i]))
            slot = self.hashes[i + 1] & self.mask
            while self.slots[slot]:
                slot = (slot + 1) & self.mask
            self.slots[slot] = <uint16_t> (i + 1)

    def __dealloc__(self):
        free(self.starts)
        free(self.hashes)
        free(self.slots)

    def __len__(self):
        return self.count

    def id(self, str name not None):
        """The key's number, from 1; 0 when it is not in the table."""
        cdef bytes raw = name.encode()
        cdef const uint8_t* text = <const uint8_t*> PyBytes_AS_STRING(raw)
        return self.find(text, <uint32_t> len(raw), otlp_hash(text, <uint32_t> len(raw)))

    cdef uint16_t find(self, const uint8_t* key, uint32_t length, uint32_t key_hash) noexcept nogil:
        cdef uint32_t slot = key_hash & self.mask
        cdef uint16_t key_id = self.slots[slot]
        while key_id:
            if (
                self.hashes[key_id] == key_hash
                and self.starts[key_id + 1] - self.starts[key_id] == length
                and memcmp(self.blob_base + self.starts[key_id], key, length) == 0
            ):
                return key_id
            slot = (slot + 1) & self.mask
            key_id = self.slots[slot]
        return KEY_UNKNOWN


@lru_cache(maxsize=1)
def _default_keys():
    return KeyTable()


cdef KeyTable default_keys():
    return _default_keys()


cdef class SpanBatch:
    """Immutable rows over one or more byte buffers; made by `scan`."""

    def __init__(self):
        raise TypeError("expected scan(body) or SpanBatch.concat(batches), got SpanBatch(); batches are made by them")

    def __dealloc__(self):
        free(self.rows)
        free(self.attrs)
        free(self.scopes)
        free(self.resources)
        free(<void*> self.bases)

    cdef void _set_buffers(self, list buffers) except *:
        cdef Py_buffer view
        cdef Py_ssize_t i
        self.buffers = buffers
        self.rejected = []
        self.buffer_count = len(buffers)
        self.bases = <const uint8_t**> calloc(self.buffer_count + 1, sizeof(void*))
        if self.bases == NULL:
            raise MemoryError
        for i in range(self.buffer_count):
            # The memoryview in the list keeps the buffer locked; the pointer outlives this short export.
            PyObject_GetBuffer(buffers[i], &view, PyBUF_SIMPLE)
            self.bases[i] = <const uint8_t*> view.buf
            PyBuffer_Release(&view)

    cdef int _reserve(self, Py_ssize_t rows, Py_ssize_t attrs, Py_ssize_t scopes, Py_ssize_t resources) except -1:
        self.rows = <SpanRow*> malloc((rows + 1) * sizeof(SpanRow))
        self.attrs = <Attr*> malloc((attrs + 1) * sizeof(Attr))
        self.scopes = <ScopeRow*> malloc((scopes + 1) * sizeof(ScopeRow))
        self.resources = <ResourceRow*> malloc((resources + 1) * sizeof(ResourceRow))
        if self.rows == NULL or self.attrs == NULL or self.scopes == NULL or self.resources == NULL:
            raise MemoryError
        return 0

    def __len__(self):
        return self.row_count

    @property
    def received(self):
        """Spans in the request: those accepted and those rejected."""
        return self.row_count + sum(rejection.count for rejection in self.rejected)

    @property
    def nbytes(self):
        """Bytes of the buffers that the rows point into."""
        return sum(view.nbytes for view in self.buffers)

    @property
    def key_names(self):
        """The keys of the batch's table; key id n is the name at n - 1."""
        return self.keys.names

    def spans(self):
        """The rows as `llm_obs_core.model.Span`, made one at a time."""
        from llm_obs_core_ext.read import read_span

        cdef Py_ssize_t i
        for i in range(self.row_count):
            yield read_span(self, i)

    def otlp(self):
        """The rows as one canonical ExportTraceServiceRequest."""
        from llm_obs_core_ext.emit import emit

        return emit(self)

    def texts(self, buffer=0, edits=None):
        """Every string that must be scanned, as ranges of one buffer: (starts, ends, buffer)."""
        from llm_obs_core_ext.texts import batch_texts

        return batch_texts(self, buffer, edits)

    def columns(self):
        """Every column of `llm_obs_core.model.SPAN_COLUMNS`, one value a row."""
        from llm_obs_core_ext.columns import read_columns

        return read_columns(self)

    def payloads(self):
        """What the columns do not hold, one `binary` value a row."""
        from llm_obs_core_ext.payloads import read_payloads

        return read_payloads(self)

    def contents(self, key):
        """The messages of the rows, one by one."""
        from llm_obs_core_ext.contents import read_contents

        return read_contents(self, key)

    def measures(self):
        """What the rows measure, added up by key."""
        from llm_obs_core_ext.measures import read_measures

        return read_measures(self)

    def select(self, mask):
        """The rows whose byte in `mask` is not zero, over the same buffers."""
        from llm_obs_core_ext.rows import select_rows

        return select_rows(self, memoryview(mask).cast("B"))

    def split(self, Py_ssize_t max_bytes):
        """Parts whose canonical bytes stay below `max_bytes`; one larger span is a part of its own."""
        from llm_obs_core_ext.rows import split_rows

        return split_rows(self, max_bytes)

    @staticmethod
    def concat(batches):
        """The rows of all batches, in order, over all their buffers."""
        from llm_obs_core_ext.rows import concat_rows

        return concat_rows(list(batches))
