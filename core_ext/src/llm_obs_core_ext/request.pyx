"""The writing half of `emit`: rows, their edits and their envelopes, from the last byte to the first."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.emit cimport EDIT_REMOVED, EDIT_SET, Edit, Edits
from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport *


cdef void push_value(Writer* w, const Attr* attr) noexcept nogil:
    # An AnyValue's payload.
    cdef size_t used = w.used
    cdef uint32_t at = attr.value.text.at
    cdef uint32_t end = at + attr.value.text.length
    if attr.type == VALUE_STRING or attr.type == VALUE_BYTES:
        push_text(w, at, end)
        push_header(w, attr.type, w.used - used)
    elif attr.type == VALUE_ARRAY or attr.type == VALUE_KVLIST:
        push_message(w, M_ARRAY if attr.type == VALUE_ARRAY else M_KVLIST, at, end)
        push_header(w, attr.type, w.used - used)
    elif attr.type == VALUE_DOUBLE:
        push(w, <const uint8_t*> &attr.value, 8)
        push_varint(w, VALUE_DOUBLE << 3 | 1)
    elif attr.type != VALUE_NONE:
        push_varint(w, <uint64_t> attr.value.i64)
        push_varint(w, attr.type << 3)


cdef inline uint32_t varint_size(uint64_t value) noexcept nogil:
    cdef uint32_t n = 1
    while value >= 0x80:
        value >>= 7
        n += 1
    return n


cdef inline uint8_t* put_varint(uint8_t* out, uint64_t value) noexcept nogil:
    while value >= 0x80:
        out[0] = <uint8_t> (value | 0x80)
        value >>= 7
        out += 1
    out[0] = <uint8_t> value
    return out + 1


cdef bint push_small(Job* job, const Edit* edit, const Source* source) noexcept nogil:
    # The common edit, a string or a number over which nothing is written, in one piece; False for all others.
    cdef Writer* w = &job.w
    cdef const Source* arena = job.arena
    cdef const Source* values = arena if edit.op == EDIT_SET else source
    cdef uint32_t key_length = edit.attr.key_length
    cdef uint32_t length = edit.attr.value.text.length
    cdef uint32_t size, value_size
    cdef uint8_t type = edit.attr.type
    cdef uint8_t* out
    if arena.hit_count or key_length == 0 or key_length > 127 or not edit.attr.flags & HAS_VALUE:
        return False
    if type == VALUE_STRING:
        if values.hit_count and has_hit(values, edit.attr.value.text.at, edit.attr.value.text.at + length):
            return False
        value_size = 1 + varint_size(length) + length
    elif type == VALUE_INT or type == VALUE_BOOL:
        value_size = 1 + varint_size(<uint64_t> edit.attr.value.i64)
    elif type == VALUE_DOUBLE:
        value_size = 9
    else:
        return False
    size = 3 + key_length + varint_size(value_size) + value_size
    if w.room - w.used < <size_t> size + 6 and not more_room(w, size + 6):
        return True
    w.used += size + 1 + varint_size(size)
    out = w.data + w.room - w.used
    out[0] = <uint8_t> (job.signal.attributes << 3 | 2)
    out = put_varint(out + 1, size)
    out[0] = 1 << 3 | 2
    out[1] = <uint8_t> key_length
    memcpy(out + 2, arena.base + edit.attr.key_at, key_length)
    out += 2 + key_length
    out[0] = 2 << 3 | 2
    out = put_varint(out + 1, value_size)
    if type == VALUE_STRING:
        out[0] = VALUE_STRING << 3 | 2
        out = put_varint(out + 1, length)
        memcpy(out, values.base + edit.attr.value.text.at, length)
    elif type == VALUE_DOUBLE:
        out[0] = VALUE_DOUBLE << 3 | 1
        memcpy(out + 1, &edit.attr.value, 8)
    else:
        out[0] = <uint8_t> (type << 3)
        put_varint(out + 1, <uint64_t> edit.attr.value.i64)
    return True


cdef void push_edits(Job* job, size_t count, const Source* source) noexcept nogil:
    cdef Writer* w = &job.w
    cdef const Edit* edit
    cdef size_t used, value_used
    while count:
        count -= 1
        edit = &job.edits[job.order[count]]
        if edit.op == EDIT_REMOVED or push_small(job, edit, source):
            continue
        used = w.used
        w.source = job.arena if edit.op == EDIT_SET else source
        push_value(w, &edit.attr)
        value_used = w.used - used
        if edit.attr.flags & HAS_VALUE:
            push_header(w, 2, value_used)
        w.source = job.arena
        value_used = w.used
        push_text(w, edit.attr.key_at, edit.attr.key_at + edit.attr.key_length)
        if w.used > value_used:
            push_header(w, 1, w.used - value_used)
        push_header(w, job.signal.attributes, w.used - used)
        w.source = source


cdef bint is_edited(const Job* job, const Attr* attr, size_t count, const Source* source) noexcept nogil:
    cdef size_t i
    cdef const Attr* other
    for i in range(count):
        other = &job.edits[job.order[i]].attr
        if other.key_hash == attr.key_hash and other.key_length == attr.key_length and (
            memcmp(job.arena.base + other.key_at, source.base + attr.key_at, attr.key_length) == 0
        ):
            return True
    return False


cdef void push_attrs(Job* job, size_t row, const RowHead* head, const Source* source, bint hit) noexcept nogil:
    # `hit`: whether anything is written over within the row.
    cdef Writer* w = &job.w
    cdef const Attr* attr
    cdef size_t count = 0
    cdef size_t used
    cdef uint32_t i = job.heads[row] if job.arena != NULL else 0
    cdef uint32_t run_at = 0
    cdef uint32_t run_end = 0
    cdef uint64_t bloom = 0  # of the edits' keys
    cdef void* fresh
    cdef Field f
    while i:
        bloom |= <uint64_t> 1 << (job.edits[i - 1].attr.key_hash & 63)
        if count == job.order_room:
            fresh = realloc(job.order, (job.order_room * 2 + 64) * sizeof(uint32_t))
            if fresh == NULL:
                w.failed = True
                return
            job.order = <uint32_t*> fresh
            job.order_room = job.order_room * 2 + 64
        job.order[count] = i - 1
        count += 1
        i = job.edits[i - 1].next
    push_edits(job, count, source)
    i = head.attrs_count
    while i:
        i -= 1
        attr = &job.attrs[head.attrs + i]
        if (bloom >> (attr.key_hash & 63)) & 1 and is_edited(job, attr, count, source):
            continue
        if job.left_out != NULL and job.left_out[attr.key_id] or job.gone != NULL and job.gone[head.attrs + i]:
            continue
        if attr.flags & CANONICAL and not (hit and has_hit(source, attr.entry_at, attr.entry_end)):
            if attr.entry_end != run_at:
                push(w, source.base + run_at, run_end - run_at)
                run_end = attr.entry_end
            run_at = attr.entry_at
            continue
        push(w, source.base + run_at, run_end - run_at)
        run_at = run_end = 0
        used = w.used
        next_field(source.base, attr.entry_at, attr.entry_end, 100, &f)
        push_message(w, M_KEYVALUE, f.at, f.end)
        push_header(w, job.signal.attributes, w.used - used)
    push(w, source.base + run_at, run_end - run_at)


cdef bint leaves_out(const Job* job, const RowHead* head) noexcept nogil:
    cdef uint32_t i
    if job.left_out != NULL or job.gone != NULL:
        for i in range(head.attrs, head.attrs + head.attrs_count):
            if job.left_out != NULL and job.left_out[job.attrs[i].key_id] or job.gone != NULL and job.gone[i]:
                return True
    return False


cdef void push_row(Job* job, size_t row, const RowHead* head) noexcept nogil:
    cdef Writer* w = &job.w
    cdef const Source* source = &job.sources[head.buffer]
    cdef uint32_t end = head.at + head.length
    cdef bint edited = job.arena != NULL and job.heads[row] != 0 or leaves_out(job, head)
    cdef bint hit = has_hit(source, head.at, end)
    cdef size_t first
    cdef const Signal* signal = job.signal
    cdef uint32_t number = signal.last
    cdef uint32_t first_at, last_end
    w.source = source
    if head.canonical and not edited and not hit:
        push(w, source.base + head.at, head.length)
    elif head.canonical and not hit and head.attrs_count:
        first_at = job.attrs[head.attrs].entry_at
        last_end = job.attrs[head.attrs + head.attrs_count - 1].entry_end
        push(w, source.base + last_end, end - last_end)
        push_attrs(job, row, head, source, False)
        push(w, source.base + head.at, first_at - head.at)
    else:
        first = gather(
            w, signal.message, head.at, end,
            signal.own | <uint32_t> 1 << signal.attributes | <uint32_t> 1 << signal.dropped,
        )
        while number and not w.failed:
            if number == signal.attributes:
                push_attrs(job, row, head, source, hit)
            elif number == signal.dropped:
                if head.dropped_attributes:
                    push_varint(w, head.dropped_attributes)
                    push_varint(w, signal.dropped << 3)
            elif signal.own >> number & 1:
                signal.push_own(w, head, number)
            else:
                push_number(w, signal.message, first, number)
            number -= 1
        w.item_count = first


cdef void push_payload(
    Writer* w, const Source* source, int message, const Range* where, uint32_t canonical
) noexcept nogil:
    w.source = source
    if canonical and not has_hit(source, where.at, where.at + where.length):
        push(w, source.base + where.at, where.length)
    else:
        push_message(w, message, where.at, where.at + where.length)


cdef void push_envelope(
    Writer* w, const Source* source, int message, const Range* where, uint32_t present, uint32_t canonical
) noexcept nogil:
    # A Resource or an InstrumentationScope, field 1 of what is around it.
    cdef size_t used = w.used
    if present:
        push_payload(w, source, message, where, canonical)
        push_header(w, 1, w.used - used)


cdef void push_url(Writer* w, const Source* source, const Range* where) noexcept nogil:
    cdef size_t used = w.used
    w.source = source
    push_text(w, where.at, where.at + where.length)
    if w.used > used:
        push_header(w, 3, w.used - used)


cdef void push_request(
    Job* job, size_t row, const uint8_t* rows, const ScopeRow* scopes, const ResourceRow* resources
) noexcept nogil:
    # `row`: how many rows there are.
    cdef Writer* w = &job.w
    cdef const ScopeRow* scope
    cdef const ResourceRow* resource
    cdef uint32_t scope_index, resource_index
    cdef size_t resource_used, scope_used, used
    cdef size_t stride = job.signal.row_bytes
    cdef const RowHead* head = NULL
    if row:
        head = <const RowHead*> (rows + (row - 1) * stride)
    while row:
        resource_index = scopes[head.scope].resource
        resource = &resources[resource_index]
        resource_used = w.used
        push_url(w, &job.sources[resource.buffer], &resource.schema_url)
        while row and scopes[head.scope].resource == resource_index:
            scope_index = head.scope
            scope = &scopes[scope_index]
            scope_used = w.used
            push_url(w, &job.sources[scope.buffer], &scope.schema_url)
            while row and head.scope == scope_index:
                row -= 1
                used = w.used
                push_row(job, row, head)
                push_header(w, 2, w.used - used)
                if row:
                    head = <const RowHead*> (<const uint8_t*> head - stride)
            push_envelope(
                w, &job.sources[scope.buffer], M_SCOPE, &scope.message, scope.has_scope, scope.canonical
            )
            push_header(w, 2, w.used - scope_used)
        push_envelope(
            w, &job.sources[resource.buffer], M_RESOURCE, &resource.message, resource.has_resource, resource.canonical
        )
        push_header(w, 1, w.used - resource_used)


cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* text, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject** text, Py_ssize_t size) except -1


def write_request(RowBatch batch not None, Edits edits not None):
    """Write the rows, with the edits, as one canonical request."""
    cdef Job job
    cdef size_t room = 4096
    cdef Py_ssize_t i
    cdef PyObject* out = NULL
    cdef uint8_t* own
    memset(&job, 0, sizeof(Job))
    edits._settle()
    job.sources = edits.sources
    job.arena = &edits.sources[batch.buffer_count]
    job.signal = batch.signal
    job.attrs = batch.attrs
    job.edits = edits.edits
    job.heads = edits.heads
    job.gone = edits.gone
    for i in range(batch.row_count):
        room += head_of(batch, i).length + 8
    # Texts of edits are shared and values may be longer than what came: a guess that seldom grows.
    room += edits.used + 64 * <size_t> edits.count + room // 16
    # The request is written into the end of its own bytes object and then moved to the beginning.
    out = new_bytes(NULL, room)
    own = <uint8_t*> PyBytes_AS_STRING(<object> out)
    job.w.data = own
    job.w.room = room
    job.w.borrowed = True
    with nogil:
        push_request(&job, batch.row_count, batch.row_data, batch.scopes, batch.resources)
        free(job.w.items)
        free(job.order)
        if job.w.data == own:
            memmove(own, own + room - job.w.used, job.w.used)
    try:
        if job.w.failed:
            raise MemoryError
        if job.w.data != own:
            return PyBytes_FromStringAndSize(<char*> job.w.data + job.w.room - job.w.used, job.w.used)
        _PyBytes_Resize(&out, job.w.used)
        return <object> out
    finally:
        Py_XDECREF(out)
        if job.w.data != own:
            free(job.w.data)
