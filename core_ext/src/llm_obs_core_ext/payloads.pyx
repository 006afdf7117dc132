"""What the columns of a batch do not hold, as canonical messages; see `SpanBatch.payloads`."""

from libc.stdint cimport INT32_MAX, int32_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memmove, memset

from llm_obs_core_ext.arrow cimport Arrow, make_arrow, take_memory
from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.request cimport *
from llm_obs_core_ext.slots cimport content_slots
from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport *

from llm_obs_core.errors import LimitError


cdef struct Binary:
    uint8_t* data
    uint8_t* validity
    int32_t* offsets
    size_t used
    Py_ssize_t valid


cdef int make_binary(Binary* out, Py_ssize_t rows) except -1:
    memset(out, 0, sizeof(Binary))
    out.validity = <uint8_t*> calloc((rows + 7) // 8 + 1, 1)
    out.offsets = <int32_t*> calloc(rows + 1, sizeof(int32_t))
    if out.validity == NULL or out.offsets == NULL:
        raise MemoryError
    return 0


cdef void free_binary(Binary* out):
    free(out.data)
    free(out.validity)
    free(out.offsets)


cdef Arrow take_binary(Binary* out, Py_ssize_t rows):
    # The arrays go over to the views one by one.
    cdef uint8_t* given
    if out.used > INT32_MAX:
        raise LimitError(
            "less than 2 GiB of payload in one column", got="more", where=f"a batch of {rows} spans",
            fix="split the batch",
        )
    given, out.data = out.data, NULL
    data = memoryview(take_memory(given, out.used))
    given, out.offsets = <uint8_t*> out.offsets, NULL
    offsets = memoryview(take_memory(given, (rows + 1) * sizeof(int32_t)))
    validity = None
    if out.valid < rows:
        given, out.validity = out.validity, NULL
        validity = memoryview(take_memory(given, (rows + 7) // 8))
    return make_arrow("binary", rows, rows - out.valid, validity, offsets, data)


cdef size_t spans_size(SpanBatch batch, const uint8_t* slots) noexcept nogil:
    # About what the spans take without their content; the writer grows when it is more.
    cdef size_t size = 256
    cdef Py_ssize_t i
    cdef uint32_t k
    cdef const Attr* attr
    for i in range(batch.row_count):
        size += batch.rows[i].head.length + 8
        for k in range(batch.rows[i].head.attrs_count):
            attr = &batch.attrs[batch.rows[i].head.attrs + k]
            if slots[attr.key_id]:
                size -= attr.entry_end - attr.entry_at
    return size


cdef void write_spans(SpanBatch batch, const Source* sources, const uint8_t* slots, Binary* out) noexcept nogil:
    cdef Job job
    cdef Py_ssize_t i = batch.row_count
    memset(&job, 0, sizeof(Job))
    job.sources = sources
    job.signal = batch.signal
    job.attrs = batch.attrs
    job.left_out = slots
    job.w.room = spans_size(batch, slots)
    job.w.data = <uint8_t*> malloc(job.w.room)
    job.w.failed = job.w.data == NULL
    # Written from the last row to the first; an offset is what is behind it, until all is known.
    while i and not job.w.failed and job.w.used <= INT32_MAX:
        out.offsets[i] = <int32_t> job.w.used
        i -= 1
        push_row(&job, i, &batch.rows[i].head)
    free(job.w.items)
    free(job.order)
    out.valid = batch.row_count
    out.data = job.w.data
    out.used = job.w.used
    if job.w.failed:
        free(out.data)
        out.data = NULL
    elif job.w.used <= INT32_MAX:
        memmove(out.data, out.data + job.w.room - job.w.used, job.w.used)
        out.offsets[0] = <int32_t> job.w.used
        for i in range(batch.row_count + 1):
            out.offsets[i] = <int32_t> job.w.used - out.offsets[i]


cdef void write_envelopes(SpanBatch batch, const Source* sources, bint resources, Binary* out) noexcept nogil:
    # Each scope or resource is written once and copied to its rows.
    cdef Writer w
    cdef Py_ssize_t count = batch.resource_count if resources else batch.scope_count
    cdef size_t* ends = <size_t*> calloc(count + 1, sizeof(size_t))   # by place: bytes written when it was, with it
    cdef size_t* sizes = <size_t*> calloc(count + 1, sizeof(size_t))
    cdef Py_ssize_t i, place
    cdef bint present
    memset(&w, 0, sizeof(Writer))
    w.failed = ends == NULL or sizes == NULL
    for i in range(count):
        if w.failed:
            break
        sizes[i] = w.used
        if resources and batch.resources[i].has_resource:
            push_payload(
                &w, &sources[batch.resources[i].buffer], M_RESOURCE, &batch.resources[i].message,
                batch.resources[i].canonical,
            )
        elif not resources and batch.scopes[i].has_scope:
            push_payload(
                &w, &sources[batch.scopes[i].buffer], M_SCOPE, &batch.scopes[i].message, batch.scopes[i].canonical
            )
        ends[i] = w.used
        sizes[i] = w.used - sizes[i]
    if not w.failed:
        for i in range(batch.row_count):
            place = batch.rows[i].head.scope
            place = batch.scopes[place].resource if resources else place
            out.used += sizes[place]
        if out.used <= INT32_MAX:
            out.data = <uint8_t*> malloc(out.used + 1)
    if out.data != NULL:
        out.used = 0
        for i in range(batch.row_count):
            place = batch.rows[i].head.scope
            present = batch.scopes[place].has_scope
            if resources:
                place = batch.scopes[place].resource
                present = batch.resources[place].has_resource
            if present:
                if sizes[place]:
                    memcpy(out.data + out.used, w.data + w.room - ends[place], sizes[place])
                out.used += sizes[place]
                out.validity[i >> 3] |= <uint8_t> (1 << (i & 7))
                out.valid += 1
            out.offsets[i + 1] = <int32_t> out.used
    free(ends)
    free(sizes)
    free(w.data)
    free(w.items)


def read_payloads(SpanBatch batch not None):
    """See `SpanBatch.payloads`."""
    cdef Binary spans, scopes, resources
    cdef uint8_t* slots = content_slots(batch.keys)
    cdef Source* sources = <Source*> calloc(batch.buffer_count + 1, sizeof(Source))
    cdef Py_ssize_t i
    memset(&spans, 0, sizeof(Binary))
    memset(&scopes, 0, sizeof(Binary))
    memset(&resources, 0, sizeof(Binary))
    try:
        if sources == NULL:
            raise MemoryError
        make_binary(&spans, batch.row_count)
        make_binary(&scopes, batch.row_count)
        make_binary(&resources, batch.row_count)
        with nogil:
            for i in range(batch.buffer_count):
                sources[i].base = batch.bases[i]
            write_spans(batch, sources, slots, &spans)
            write_envelopes(batch, sources, False, &scopes)
            write_envelopes(batch, sources, True, &resources)
        return {
            "otlp_span": take_binary(&spans, batch.row_count),
            "otlp_scope": take_binary(&scopes, batch.row_count),
            "otlp_resource": take_binary(&resources, batch.row_count),
        }
    finally:
        free(slots)
        free(sources)
        free_binary(&spans)
        free_binary(&scopes)
        free_binary(&resources)
