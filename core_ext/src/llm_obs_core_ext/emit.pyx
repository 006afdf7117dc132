"""Changes to a batch, and the one writer of canonical requests; see `emit.pyi`."""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport *

from llm_obs_core_ext.value import encode_array


cdef class Edits:
    """The changes of one batch, applied by `emit`."""

    def __cinit__(self, RowBatch batch not None):
        self.batch = batch
        self.heads = <uint32_t*> calloc(batch.row_count + 1, sizeof(uint32_t))
        self.tails = <uint32_t*> calloc(batch.row_count + 1, sizeof(uint32_t))
        self.sources = <Source*> calloc(batch.buffer_count + 1, sizeof(Source))
        self.key_ats = <uint32_t*> calloc(batch.keys.count + 1, sizeof(uint32_t))
        self.hits = <HitTable*> calloc(batch.buffer_count + 1, sizeof(HitTable))
        if (
            self.heads == NULL or self.tails == NULL or self.sources == NULL or self.key_ats == NULL
            or self.hits == NULL
        ):
            raise MemoryError

    def __dealloc__(self):
        cdef Py_ssize_t i
        free(self.heads)
        free(self.tails)
        free(self.sources)
        free(self.key_ats)
        free(self.gone)
        if self.hits != NULL:
            for i in range(self.batch.buffer_count + 1):
                hit_free(&self.hits[i])
        free(self.hits)
        free(self.edits)
        free(self.arena)

    cdef int _append(self, const uint8_t* text, uint32_t length, uint32_t* at) noexcept nogil:
        cdef size_t room
        cdef void* fresh
        if self.room - self.used < length:
            room = self.room * 2 + length + 4096
            if self.exports or room > 0x7FFFFFFE:
                return -1
            fresh = realloc(self.arena, room)
            if fresh == NULL:
                return -1
            self.arena = <uint8_t*> fresh
            self.room = room
        at[0] = <uint32_t> self.used
        if length:
            memcpy(self.arena + self.used, text, length)
        self.used += length
        return 0

    cdef Edit* _edit_of(self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash) noexcept nogil:
        cdef uint32_t i = self.heads[row]
        cdef Edit* edit
        while i:
            edit = &self.edits[i - 1]
            if (
                edit.attr.key_hash == key_hash
                and edit.attr.key_length == length
                and memcmp(self.arena + edit.attr.key_at, key, length) == 0
            ):
                return edit
            i = edit.next
        return NULL

    cdef int apply(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t op, const Attr* value, const uint8_t* base
    ) noexcept nogil:
        cdef uint32_t key_hash = otlp_hash(key, length)
        cdef uint16_t key_id = self.batch.keys.find(key, length, key_hash)
        return self._put(row, key, length, key_hash, key_id, op, value, base)

    cdef int apply_id(
        self, Py_ssize_t row, uint16_t key_id, uint32_t op, const Attr* value, const uint8_t* base
    ) noexcept nogil:
        cdef uint32_t start = self.batch.keys.starts[key_id]
        cdef uint32_t length = self.batch.keys.starts[key_id + 1] - start
        return self._put(
            row, self.batch.keys.blob_base + start, length, self.batch.keys.hashes[key_id], key_id, op, value, base
        )

    cdef int _put(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash, uint16_t key_id, uint32_t op,
        const Attr* value, const uint8_t* base
    ) noexcept nogil:
        cdef Edit* edit = self._edit_of(row, key, length, key_hash)
        cdef Attr attr
        cdef uint32_t at = 0
        cdef void* fresh
        cdef bint text = False
        memset(&attr, 0, sizeof(Attr))
        if value != NULL:
            attr.type = value.type
            attr.value = value.value
            attr.flags = HAS_VALUE | (value.flags & OURS)
            text = value.type == VALUE_STRING or value.type == VALUE_BYTES
            text = text or value.type == VALUE_ARRAY or value.type == VALUE_KVLIST
        if op == EDIT_SET and text and base != NULL:
            if self._append(base + attr.value.text.at, attr.value.text.length, &at):
                return -1
            attr.value.text.at = at
        if edit == NULL:
            if self.count == self.capacity:
                fresh = realloc(self.edits, (self.capacity * 2 + 64) * sizeof(Edit))
                if fresh == NULL:
                    return -1
                self.edits = <Edit*> fresh
                self.capacity = self.capacity * 2 + 64
            if self.key_ats[key_id]:
                attr.key_at = self.key_ats[key_id] - 1
            elif self._append(key, length, &attr.key_at):
                return -1
            elif key_id != KEY_UNKNOWN:
                self.key_ats[key_id] = attr.key_at + 1
            edit = &self.edits[self.count]
            edit.next = 0
            self.count += 1
            if self.tails[row]:
                self.edits[self.tails[row] - 1].next = self.count
            else:
                self.heads[row] = self.count
            self.tails[row] = self.count
        else:
            attr.key_at = edit.attr.key_at
        attr.key_length = length
        attr.key_hash = key_hash
        attr.key_id = key_id
        edit.attr = attr
        edit.op = op
        return 0

    cdef int set_payload(
        self, Py_ssize_t row, uint16_t key_id, uint8_t type, const uint8_t* text, uint32_t length
    ) noexcept nogil:
        cdef Attr value
        value.type = type
        value.flags = 0
        value.value.text.at = 0
        value.value.text.length = length
        return self.apply_id(row, key_id, EDIT_SET, &value, text)

    cdef int set_text(self, Py_ssize_t row, uint16_t key_id, const uint8_t* text, uint32_t length) noexcept nogil:
        return self.set_payload(row, key_id, VALUE_STRING, text, length)

    cdef int set_int(self, Py_ssize_t row, uint16_t key_id, int64_t value) noexcept nogil:
        cdef Attr attr
        attr.type = VALUE_INT
        attr.flags = 0
        attr.value.i64 = value
        return self.apply_id(row, key_id, EDIT_SET, &attr, NULL)

    cdef int set_double(self, Py_ssize_t row, uint16_t key_id, double value) noexcept nogil:
        cdef Attr attr
        attr.type = VALUE_DOUBLE
        attr.flags = 0
        attr.value.f64 = value
        return self.apply_id(row, key_id, EDIT_SET, &attr, NULL)

    cdef int set_bool(self, Py_ssize_t row, uint16_t key_id, bint value) noexcept nogil:
        cdef Attr attr
        attr.type = VALUE_BOOL
        attr.flags = 0
        attr.value.i64 = value
        return self.apply_id(row, key_id, EDIT_SET, &attr, NULL)

    cdef int drop(self, Py_ssize_t row, uint16_t key_id) noexcept nogil:
        return self.apply_id(row, key_id, EDIT_REMOVED, NULL, NULL)

    cdef int leave_out(self, uint32_t attr) noexcept nogil:
        if self.gone == NULL:
            self.gone = <uint8_t*> calloc(self.batch.attr_count + 1, 1)
            if self.gone == NULL:
                return -1
        self.gone[attr] = 1
        return 0

    cdef int find(self, Py_ssize_t row, uint16_t key_id, Found* out) noexcept nogil:
        cdef uint32_t start = self.batch.keys.starts[key_id]
        cdef uint32_t length = self.batch.keys.starts[key_id + 1] - start
        return self._find(row, self.batch.keys.blob_base + start, length, self.batch.keys.hashes[key_id], out)

    cdef int _find(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash, Found* out
    ) noexcept nogil:
        cdef Edit* edit = self._edit_of(row, key, length, key_hash)
        cdef const RowHead* head = head_of(self.batch, row)
        cdef const uint8_t* base = self.batch.bases[head.buffer]
        cdef Attr* attr
        cdef uint32_t i
        if edit != NULL:
            if edit.op == EDIT_REMOVED:
                return 0
            out.base = self.arena if edit.op == EDIT_SET else base
            out.attr = edit.attr
            return 1
        for i in range(head.attrs_count):
            attr = &self.batch.attrs[head.attrs + i]
            if (
                attr.key_hash == key_hash
                and attr.key_length == length
                and memcmp(base + attr.key_at, key, length) == 0
                and not is_left_out(self, head.attrs + i)
            ):
                out.base = base
                out.attr = attr[0]
                return 1
        return 0

    cdef int _move(
        self, Py_ssize_t row, const uint8_t* old, uint32_t old_length, const uint8_t* new, uint32_t new_length
    ) noexcept nogil:
        cdef Found found
        cdef uint32_t op
        cdef int result
        if old_length == new_length and memcmp(old, new, old_length) == 0:
            return 0
        if not self._find(row, old, old_length, otlp_hash(old, old_length), &found):
            return 0
        # The value stays where it is: in the row's buffer, or in the arena, which an edit before put it into.
        op = EDIT_MOVED if found.base == self.batch.bases[head_of(self.batch, row).buffer] else EDIT_SET
        result = self.apply(row, new, new_length, op, &found.attr, NULL)
        return result or self.apply(row, old, old_length, EDIT_REMOVED, NULL, NULL)

    cdef int move(self, Py_ssize_t row, uint16_t old_id, uint16_t new_id) noexcept nogil:
        cdef uint32_t old = self.batch.keys.starts[old_id]
        cdef uint32_t new = self.batch.keys.starts[new_id]
        return self._move(
            row,
            self.batch.keys.blob_base + old, self.batch.keys.starts[old_id + 1] - old,
            self.batch.keys.blob_base + new, self.batch.keys.starts[new_id + 1] - new,
        )

    cdef void _settle(self) noexcept nogil:
        # Points the sources at the buffers and the sorted replacements.
        cdef Py_ssize_t i
        for i in range(self.batch.buffer_count + 1):
            hit_settle(&self.hits[i])
            self.sources[i].base = self.batch.bases[i] if i < self.batch.buffer_count else self.arena
            self.sources[i].hits = self.hits[i].hits
            self.sources[i].hit_count = self.hits[i].count
            self.sources[i].texts = self.hits[i].texts

    cdef int put_over(
        self, Py_ssize_t source, uint32_t at, uint32_t end, const uint8_t* text, uint32_t length
    ) noexcept nogil:
        return hit_add(&self.hits[source], at, end, text, length)

    def __len__(self):
        return self.count

    def set(self, Py_ssize_t row, bytes key not None, value):
        """Give the row's attribute a value, whether it had one or not."""
        cdef Attr attr
        cdef bytes payload = b""
        self._check(row, key)
        attr.flags = 0
        attr.value.i64 = 0
        if isinstance(value, bool):
            attr.type = VALUE_BOOL
            attr.value.i64 = value
        elif isinstance(value, int):
            attr.type = VALUE_INT
            attr.value.i64 = value
        elif isinstance(value, float):
            attr.type = VALUE_DOUBLE
            attr.value.f64 = value
        elif isinstance(value, str):
            attr.type = VALUE_STRING
            payload = value.encode()
        elif isinstance(value, bytes):
            attr.type = VALUE_BYTES
            payload = value
        elif isinstance(value, list | tuple):
            attr.type = VALUE_ARRAY
            payload = encode_array(value)
        else:
            raise TypeError(f"expected str, bool, int, float, bytes or list, got {type(value).__name__} for {key!r}")
        if attr.type == VALUE_STRING or attr.type == VALUE_BYTES or attr.type == VALUE_ARRAY:
            attr.value.text.length = <uint32_t> len(payload)
        self._done(self.apply(row, key, <uint32_t> len(key), EDIT_SET, &attr, payload))

    def remove(self, Py_ssize_t row, bytes key not None):
        """Take the attribute away; nothing happens when there is none."""
        self._check(row, key)
        self._done(self.apply(row, key, <uint32_t> len(key), EDIT_REMOVED, NULL, NULL))

    def rename(self, Py_ssize_t row, bytes old not None, bytes new not None):
        """Give the value of `old`, if there is one, to `new`."""
        self._check(row, old)
        self._check(row, new)
        self._done(self._move(row, old, <uint32_t> len(old), new, <uint32_t> len(new)))

    def replace(self, hits, replacements, *, Py_ssize_t buffer=0):
        """Put other bytes in the place of byte ranges of a buffer."""
        self._replace(buffer, self.batch.buffers[buffer].nbytes, hits, replacements)

    def replace_set(self, hits, replacements):
        """As `replace`, in the values that were set: ranges of the buffer of `texts`."""
        self._replace(self.batch.buffer_count, self.used, hits, replacements)

    def _replace(self, Py_ssize_t source, size, hits, replacements):
        cdef bytes put
        for (start, end), text in zip(hits, replacements, strict=True):
            if not 0 <= start <= end <= size:
                raise ValueError(f"expected a range within {size} bytes, got {start}:{end}")
            put = bytes(text)
            if self.put_over(source, start, end, put, <uint32_t> len(put)):
                raise MemoryError

    def _check(self, Py_ssize_t row, bytes key):
        if not 0 <= row < self.batch.row_count:
            raise IndexError(f"expected a row below {self.batch.row_count}, got {row}")
        key.decode()

    def _done(self, int result):
        if result:
            if self.exports:
                raise BufferError("expected the views of texts() to be released before the next change")
            raise MemoryError

    def texts(self):
        """What was set, to be scanned like `RowBatch.texts`: (starts, ends, buffer)."""
        from llm_obs_core_ext.texts import edit_texts

        return edit_texts(self)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, <void*> self.arena if self.arena else <void*> b"", self.used, 1, flags)
        self.exports += 1

    def __releasebuffer__(self, Py_buffer* view):
        self.exports -= 1


def emit(RowBatch batch not None, Edits edits=None):
    """Write the rows, with the edits, as one canonical request of their signal."""
    from llm_obs_core_ext.request import write_request

    if edits is not None and edits.batch is not batch:
        raise ValueError("expected the edits of this batch, got those of another")
    return write_request(batch, Edits(batch) if edits is None else edits)
