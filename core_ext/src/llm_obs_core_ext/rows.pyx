"""Batches from batches: rows and attributes are copied, buffers are shared."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport *


cdef uint32_t take_attrs(RowBatch out, RowBatch source, uint32_t first, uint32_t count) noexcept nogil:
    memcpy(out.attrs + out.attr_count, source.attrs + first, count * sizeof(Attr))
    out.attr_count += count
    return <uint32_t> (out.attr_count - count)


cdef void take(RowBatch out, RowBatch source, const unsigned char* mask, uint32_t shift) noexcept nogil:
    # Appends the chosen rows, all when there is no mask; `shift` is the place of the source's first buffer among those
    # of `out`.
    cdef Py_ssize_t i
    cdef RowHead* row
    cdef ScopeRow* scope
    cdef ResourceRow* resource
    cdef Py_ssize_t last_scope = -1
    cdef Py_ssize_t last_resource = -1
    for i in range(source.row_count):
        if mask != NULL and not mask[i]:
            continue
        row = head_of(out, out.row_count)
        memcpy(row, head_of(source, i), source.signal.row_bytes)
        row.attrs = take_attrs(out, source, row.attrs, row.attrs_count)
        row.buffer += shift
        if row.scope != last_scope:
            last_scope = row.scope
            scope = &out.scopes[out.scope_count]
            scope[0] = source.scopes[last_scope]
            scope.attrs = take_attrs(out, source, scope.attrs, scope.attrs_count)
            scope.buffer += shift
            out.scope_count += 1
            if scope.resource != last_resource:
                last_resource = scope.resource
                resource = &out.resources[out.resource_count]
                resource[0] = source.resources[last_resource]
                resource.attrs = take_attrs(out, source, resource.attrs, resource.attrs_count)
                resource.buffer += shift
                out.resource_count += 1
            scope.resource = <uint32_t> (out.resource_count - 1)
        row.scope = <uint32_t> (out.scope_count - 1)
        out.row_count += 1


def select_rows(RowBatch batch not None, const unsigned char[:] mask not None):
    """See `RowBatch.select`."""
    cdef RowBatch out = batch._like()
    cdef Py_ssize_t rows = 0
    cdef Py_ssize_t attrs = 0
    cdef Py_ssize_t i
    if mask.shape[0] != batch.row_count:
        raise ValueError(f"expected a mask of {batch.row_count} bytes, one a row, got {mask.shape[0]}")
    for i in range(batch.row_count):
        if mask[i]:
            rows += 1
            attrs += head_of(batch, i).attrs_count
    for i in range(batch.scope_count):
        attrs += batch.scopes[i].attrs_count
    for i in range(batch.resource_count):
        attrs += batch.resources[i].attrs_count
    out._set_buffers(batch.buffers)
    out._reserve(rows, attrs, batch.scope_count, batch.resource_count)
    if batch.row_count:
        with nogil:
            take(out, batch, &mask[0], 0)
    return out


def concat_rows(list batches not None, kind not None):
    """See `SpanBatch.concat`; `kind` is the class of the batches."""
    cdef RowBatch out = kind.__new__(kind)
    cdef RowBatch batch
    cdef Py_ssize_t rows = 0
    cdef Py_ssize_t attrs = 0
    cdef Py_ssize_t scopes = 0
    cdef Py_ssize_t resources = 0
    cdef uint32_t shift = 0
    cdef list buffers = []
    out.keys = default_keys()
    for batch in batches:
        if type(batch) is not kind or batch.keys is not (<RowBatch> batches[0]).keys:
            raise ValueError(f"expected batches of {kind.__name__} and of one KeyTable, got others")
        out.keys = batch.keys
        rows += batch.row_count
        attrs += batch.attr_count
        scopes += batch.scope_count
        resources += batch.resource_count
        buffers.extend(batch.buffers)
    out._set_buffers(buffers)
    out._reserve(rows, attrs, scopes, resources)
    for batch in batches:
        with nogil:
            take(out, batch, NULL, shift)
        shift += <uint32_t> batch.buffer_count
    return out


def split_rows(RowBatch batch not None, Py_ssize_t max_bytes):
    """See `RowBatch.split`."""
    cdef list parts = []
    cdef bytearray mask = bytearray(batch.row_count)
    cdef Py_ssize_t size = 0
    cdef Py_ssize_t cost, i
    cdef Py_ssize_t last_scope = -1
    cdef const RowHead* row
    cdef ScopeRow* scope
    cdef ResourceRow* resource
    for i in range(batch.row_count):
        # 32: the longest headers and what canonical numbers may take more than those that came.
        row = head_of(batch, i)
        cost = row.length + 32
        if row.scope != last_scope or size + cost >= max_bytes:
            scope = &batch.scopes[row.scope]
            resource = &batch.resources[scope.resource]
            cost += scope.message.length + scope.schema_url.length + 32
            cost += resource.message.length + resource.schema_url.length + 32
            last_scope = row.scope
        if size and size + cost >= max_bytes:
            parts.append(select_rows(batch, mask))
            mask = bytearray(batch.row_count)
            size = 0
        mask[i] = 1
        size += cost
    if size:
        parts.append(select_rows(batch, mask) if parts else batch)
    return parts
