# Changes to a batch, and the one writer of canonical requests.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from llm_obs_core_ext.batch cimport Attr, RowBatch
from llm_obs_core_ext.writer cimport Source, HitTable


cdef enum EditOp:
    EDIT_SET = 1      # attr is in the arena
    EDIT_MOVED = 2    # attr's key is in the arena, its value in the row's buffer (a renamed original)
    EDIT_REMOVED = 3  # the key is gone


cdef enum:
    OURS = 4          # Attr.flags of an edit: the value is a constant of ours, with nothing in it to scrub


cdef struct Edit:
    Attr attr         # key_at in the arena; value as EditOp says; entry_at and entry_end unused
    uint32_t next     # the row's next edit + 1, 0 at the end
    uint32_t op       # EditOp


cdef struct Found:
    const uint8_t* base  # what the offsets of attr.value count from; valid until the next change
    Attr attr            # key_at counts from the row's buffer or the arena: use key_id


cdef class Edits:
    cdef readonly RowBatch batch
    cdef uint32_t* heads          # by row: first edit + 1, 0 none
    cdef uint32_t* tails          # by row: last edit + 1, 0 none
    cdef Edit* edits
    cdef uint32_t count
    cdef uint32_t capacity
    cdef uint8_t* arena           # keys and values, append only
    cdef size_t used
    cdef size_t room
    cdef uint8_t* gone            # by number of the batch's attribute: 1: left out; NULL: none is
    cdef uint32_t* key_ats        # by key id: where the arena has the key + 1, 0 not yet
    cdef Py_ssize_t exports       # buffer views of the arena; it may not grow while there are any
    cdef Source* sources          # by buffer, the arena is the last; filled by `_settle`
    cdef HitTable* hits          # by source
    cdef void _settle(self) noexcept nogil
    cdef int _append(self, const uint8_t* text, uint32_t length, uint32_t* at) noexcept nogil
    cdef Edit* _edit_of(self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash) noexcept nogil
    cdef int _put(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash, uint16_t key_id, uint32_t op,
        const Attr* value, const uint8_t* base
    ) noexcept nogil
    cdef int _find(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t key_hash, Found* out
    ) noexcept nogil
    cdef int _move(
        self, Py_ssize_t row, const uint8_t* old, uint32_t old_length, const uint8_t* new, uint32_t new_length
    ) noexcept nogil
    # All return 0 or -1 (out of memory, or the arena is exported). key_id is a known key's number (not KEY_UNKNOWN).
    cdef int set_text(self, Py_ssize_t row, uint16_t key_id, const uint8_t* text, uint32_t length) noexcept nogil
    cdef int set_int(self, Py_ssize_t row, uint16_t key_id, int64_t value) noexcept nogil
    cdef int set_double(self, Py_ssize_t row, uint16_t key_id, double value) noexcept nogil
    cdef int set_bool(self, Py_ssize_t row, uint16_t key_id, bint value) noexcept nogil
    # type is a ValueType; text is the payload of VALUE_ARRAY, VALUE_KVLIST, VALUE_BYTES or VALUE_STRING.
    cdef int set_payload(
        self, Py_ssize_t row, uint16_t key_id, uint8_t type, const uint8_t* text, uint32_t length
    ) noexcept nogil
    cdef int drop(self, Py_ssize_t row, uint16_t key_id) noexcept nogil
    cdef int move(self, Py_ssize_t row, uint16_t old_id, uint16_t new_id) noexcept nogil
    # Leaves an attribute of the batch out, by its number: as `drop`, without a search among the row's edits.
    cdef int leave_out(self, uint32_t attr) noexcept nogil
    # 1 and the value with all edits so far, or 0 when the row lacks the key.
    cdef int find(self, Py_ssize_t row, uint16_t key_id, Found* out) noexcept nogil
    # What is put in the place of a range of a buffer, or of the arena (source = buffer_count).
    cdef int put_over(
        self, Py_ssize_t source, uint32_t at, uint32_t end, const uint8_t* text, uint32_t length
    ) noexcept nogil
    # The general forms behind the twins: a key by number or by bytes, op, and the value: its type, its flag OURS, and
    # what counts from `base`, or from the arena when that is NULL. EDIT_SET copies text into the arena when it has a base.
    cdef int apply_id(
        self, Py_ssize_t row, uint16_t key_id, uint32_t op, const Attr* value, const uint8_t* base
    ) noexcept nogil
    cdef int apply(
        self, Py_ssize_t row, const uint8_t* key, uint32_t length, uint32_t op, const Attr* value, const uint8_t* base
    ) noexcept nogil


cdef inline bint is_left_out(Edits edits, uint32_t attr) noexcept nogil:
    return edits.gone != NULL and edits.gone[attr]
