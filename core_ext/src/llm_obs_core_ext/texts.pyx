"""Where the strings of a batch are, for scrubbing: two arrays of offsets into one buffer."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_MOVED, EDIT_REMOVED, EDIT_SET, OURS, Edits
from llm_obs_core_ext.ranges cimport Ranges, add_message, add_range
from llm_obs_core_ext.wire cimport *


cdef void add_value(Ranges* out, const uint8_t* base, const Attr* attr) noexcept nogil:
    cdef uint32_t at = attr.value.text.at
    cdef uint32_t end = at + attr.value.text.length
    if attr.type == VALUE_STRING or attr.type == VALUE_BYTES:
        add_range(out, at, end)
    elif attr.type == VALUE_ARRAY:
        add_message(out, base, M_ARRAY, at, end)
    elif attr.type == VALUE_KVLIST:
        add_message(out, base, M_KVLIST, at, end)


cdef tuple results(Ranges* out, buffer):
    try:
        if out.failed:
            raise MemoryError
        starts = PyBytes_FromStringAndSize(<char*> out.starts, out.count * sizeof(uint32_t))
        ends = PyBytes_FromStringAndSize(<char*> out.ends, out.count * sizeof(uint32_t))
        return memoryview(starts).cast("I"), memoryview(ends).cast("I"), buffer
    finally:
        free(out.starts)
        free(out.ends)


cdef void add_moved(Ranges* out, RowBatch batch, Edits edits, Py_ssize_t row) noexcept nogil:
    # What attributes that are left out gave to others, without a copy.
    cdef const RowHead* head = head_of(batch, row)
    cdef const Attr* value
    cdef const Attr* attr
    cdef uint32_t n = edits.heads[row]
    cdef uint32_t i
    while n:
        value = &edits.edits[n - 1].attr
        if edits.edits[n - 1].op == EDIT_MOVED and not has_no_text(value):
            for i in range(head.attrs, head.attrs + head.attrs_count):
                attr = &batch.attrs[i]
                if edits.gone[i] and attr.entry_at <= value.value.text.at < attr.entry_end:
                    add_value(out, batch.bases[head.buffer], value)
        n = edits.edits[n - 1].next


cdef bint has_no_text(const Attr* attr) noexcept nogil:
    return attr.type == VALUE_NONE or VALUE_BOOL <= attr.type <= VALUE_DOUBLE


cdef void gather_batch(Ranges* out, RowBatch batch, uint32_t buffer, Edits edits) noexcept nogil:
    cdef const uint8_t* base = batch.bases[buffer]
    cdef const RowHead* row
    cdef ScopeRow* scope
    cdef ResourceRow* resource
    cdef Attr* attr
    cdef Py_ssize_t i
    cdef uint32_t k
    cdef const uint8_t* gone = edits.gone if edits is not None else NULL
    cdef bint any
    cdef size_t stride = batch.signal.row_bytes
    for i in range(batch.resource_count):
        resource = &batch.resources[i]
        if resource.buffer == buffer:
            add_range(out, resource.schema_url.at, resource.schema_url.at + resource.schema_url.length)
            add_message(out, base, M_RESOURCE, resource.message.at, resource.message.at + resource.message.length)
    for i in range(batch.scope_count):
        scope = &batch.scopes[i]
        if scope.buffer == buffer:
            add_range(out, scope.schema_url.at, scope.schema_url.at + scope.schema_url.length)
            add_message(out, base, M_SCOPE, scope.message.at, scope.message.at + scope.message.length)
    for i in range(batch.row_count):
        row = <const RowHead*> (batch.row_data + i * stride)
        if row.buffer != buffer:
            continue
        any = False
        for k in range(row.attrs_count):
            attr = &batch.attrs[row.attrs + k]
            if gone != NULL and gone[row.attrs + k]:
                any = True
                continue
            # A known key is a constant of ours: nothing to find in it.
            if attr.key_id == KEY_UNKNOWN:
                add_range(out, attr.key_at, attr.key_at + attr.key_length)
            add_value(out, base, attr)
        if any:
            add_moved(out, batch, edits, i)
        batch.signal.add_texts(out, base, row)


cdef void gather_edits(Ranges* out, Edits edits) noexcept nogil:
    cdef size_t n
    cdef const Attr* attr
    for n in range(edits.count):
        if edits.edits[n].op == EDIT_REMOVED:
            continue
        attr = &edits.edits[n].attr
        if attr.key_id == KEY_UNKNOWN:
            add_range(out, attr.key_at, attr.key_at + attr.key_length)
        if edits.edits[n].op == EDIT_SET and not attr.flags & OURS:
            add_value(out, edits.arena, attr)


def batch_texts(RowBatch batch not None, uint32_t buffer, Edits edits=None):
    """See `RowBatch.texts`."""
    cdef Ranges out
    if buffer >= batch.buffer_count:
        raise IndexError(f"expected a buffer below {batch.buffer_count}, got {buffer}")
    memset(&out, 0, sizeof(Ranges))
    with nogil:
        gather_batch(&out, batch, buffer, edits)
    return results(&out, batch.buffers[buffer])


def edit_texts(Edits edits not None):
    """See `Edits.texts`."""
    cdef Ranges out
    memset(&out, 0, sizeof(Ranges))
    with nogil:
        gather_edits(&out, edits)
    return results(&out, memoryview(edits))
