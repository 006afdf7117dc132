"""Scanned spans as rows over raw bytes; see `batch.pyi`, and `batch.pxd` for the C contract."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy

from llm_obs_core_ext.ranges cimport add_message, add_range
from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport push, push_header

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


cdef class RowBatch:
    """Immutable rows of one signal over one or more byte buffers."""

    def __init__(self):
        name = type(self).__name__
        raise TypeError(f"expected scan(body) or {name}.concat(batches), got {name}(); batches are made by them")

    def __dealloc__(self):
        free(self.row_data)
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
        self._own(malloc((rows + 1) * self.signal.row_bytes))
        self.attrs = <Attr*> malloc((attrs + 1) * sizeof(Attr))
        self.scopes = <ScopeRow*> malloc((scopes + 1) * sizeof(ScopeRow))
        self.resources = <ResourceRow*> malloc((resources + 1) * sizeof(ResourceRow))
        if self.row_data == NULL or self.attrs == NULL or self.scopes == NULL or self.resources == NULL:
            raise MemoryError
        return 0

    cdef void _own(self, void* rows) noexcept:
        self.row_data = <uint8_t*> rows

    cdef RowBatch _like(self):
        cdef RowBatch out = type(self).__new__(type(self))
        out.signal = self.signal
        out.keys = self.keys
        return out

    def __len__(self):
        return self.row_count

    @property
    def received(self):
        """Items in the request: those accepted and those rejected."""
        return self.row_count + sum(rejection.count for rejection in self.rejected)

    @property
    def nbytes(self):
        """Bytes of the buffers that the rows point into."""
        return sum(view.nbytes for view in self.buffers)

    @property
    def key_names(self):
        """The keys of the batch's table; key id n is the name at n - 1."""
        return self.keys.names

    def otlp(self):
        """The rows as one canonical request of their signal."""
        from llm_obs_core_ext.emit import emit

        return emit(self)

    def texts(self, buffer=0, edits=None):
        """Every string that must be scanned, as ranges of one buffer: (starts, ends, buffer)."""
        from llm_obs_core_ext.texts import batch_texts

        return batch_texts(self, buffer, edits)

    def select(self, mask):
        """The rows whose byte in `mask` is not zero, over the same buffers."""
        from llm_obs_core_ext.rows import select_rows

        return select_rows(self, memoryview(mask).cast("B"))

    def split(self, Py_ssize_t max_bytes):
        """Parts whose canonical bytes stay below `max_bytes`; one larger span is a part of its own."""
        from llm_obs_core_ext.rows import split_rows

        return split_rows(self, max_bytes)


cdef void push_parent(Writer* w, const RowHead* head, uint32_t number) noexcept nogil:
    # Field 4; a parent of zeros is none.
    cdef const SpanRow* row = <const SpanRow*> head
    if load64(row.parent_id):
        push(w, row.parent_id, 8)
        push_header(w, 4, 8)


cdef void add_span_texts(Ranges* out, const uint8_t* base, const RowHead* head) noexcept nogil:
    cdef const SpanRow* row = <const SpanRow*> head
    cdef uint32_t pos = head.at
    cdef uint32_t end = pos + head.length
    cdef Field f
    add_range(out, row.trace_state.at, row.trace_state.at + row.trace_state.length)
    add_range(out, row.name.at, row.name.at + row.name.length)
    add_range(out, row.status_message.at, row.status_message.at + row.status_message.length)
    if row.events_count or row.links_count:
        while pos < end:
            next_field(base, pos, end, 100, &f)
            pos = f.end
            if f.wire == 2 and (f.number == 11 or f.number == 13):
                add_message(out, base, M_EVENT if f.number == 11 else M_LINK, f.at, f.end)


cdef Signal SPANS
SPANS.row_bytes = sizeof(SpanRow)
SPANS.message = M_SPAN
SPANS.attributes = 9
SPANS.dropped = 10
SPANS.last = 16
SPANS.own = 1 << 4
SPANS.push_own = push_parent
SPANS.add_texts = add_span_texts


cdef class SpanBatch(RowBatch):
    """Immutable rows of spans over one or more byte buffers; made by `scan`."""

    def __cinit__(self):
        self.signal = &SPANS

    cdef void _own(self, void* rows) noexcept:
        self.row_data = <uint8_t*> rows
        self.rows = <SpanRow*> rows

    def spans(self):
        """The rows as `llm_obs_core.model.Span`, made one at a time."""
        from llm_obs_core_ext.read import read_span

        cdef Py_ssize_t i
        for i in range(self.row_count):
            yield read_span(self, i)

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

    @staticmethod
    def concat(batches):
        """The rows of all batches, in order, over all their buffers."""
        from llm_obs_core_ext.rows import concat_rows

        return concat_rows(list(batches), SpanBatch)
