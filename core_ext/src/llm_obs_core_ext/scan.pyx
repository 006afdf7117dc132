"""From request bytes to rows, in one pass without copying; see `scan`."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.check cimport *
from llm_obs_core_ext.spanscan cimport NOWHERE, check_text, reject, scan_span
from llm_obs_core_ext.wire cimport *

from llm_obs_core_ext.coalesce import coalesce

from llm_obs_core.errors import WireError
from llm_obs_core.model import Rejection

cdef enum:
    DEPTH = 100       # upb's limit

REASON_NAMES = (
    "trace_id_length", "trace_id_zero", "span_id_length", "span_id_zero", "parent_span_id_length", "invalid_utf8"
)


cdef int list_attrs(
    Scan* s, int message, const Range* where, uint32_t number, uint32_t* first, uint32_t* count
) noexcept nogil:
    # The attributes of an already checked resource or scope.
    cdef Field f
    cdef uint32_t pos = where.at
    cdef uint64_t bloom = 0
    cdef uint32_t excess = 0
    cdef size_t start = s.attr_count
    s.stamp += 1
    while pos < where.at + where.length:
        next_field(s.base, pos, where.at + where.length, DEPTH, &f)
        pos = f.end
        if f.number == number and f.wire == 2 and add_attr(s, &f, start, &bloom, &excess, DEPTH) < 0:
            return -1
    first[0] = <uint32_t> start
    count[0] = <uint32_t> (s.attr_count - start)
    return 0


cdef void take_back(Scan* s, size_t first_row, size_t first_attr, uint32_t index) noexcept nogil:
    # The envelope of these rows is not text: they go with it.
    if s.row_count > first_row:
        reject(s, 5, index, <uint32_t> (s.row_count - first_row))
    s.row_count = first_row
    s.attr_count = first_attr
    s.like_count = 0


cdef int scan_scope(Scan* s, uint32_t at, uint32_t end, int depth) noexcept nogil:
    cdef Field f
    cdef ScopeRow scope
    cdef uint32_t pos = at
    cdef int flags, fault
    cdef int bad = 0
    cdef size_t first_row = s.row_count
    cdef size_t first_attr = s.attr_count
    memset(&scope, 0, sizeof(ScopeRow))
    scope.resource = <uint32_t> s.resource_count
    s.first_accepted = NOWHERE
    if s.scope_count == s.scope_room and grow(s):
        return -1
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        if otlp_kind(M_SCOPE_SPANS, f.number, f.wire) == K_UNKNOWN:
            continue
        if f.number == 2:
            if scan_span(s, f.at, f.end, depth - 1) < 0:
                return -1
        elif f.number == 1:
            if scope.has_scope:
                s.repeated = 1
            flags = check(s, M_SCOPE, f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            scope.has_scope = 1
            scope.canonical = flags & CANONICAL
            scope.message.at = f.at
            scope.message.length = f.end - f.at
        else:
            bad |= check_text(s, &f, &scope.schema_url) & BAD_UTF8
    if bad:
        take_back(s, first_row, first_attr, s.first_accepted)
    if s.row_count == first_row:
        return 0
    pos = scope.message.at
    while pos < scope.message.at + scope.message.length:
        next_field(s.base, pos, scope.message.at + scope.message.length, DEPTH, &f)
        pos = f.end
        if f.wire == 2 and f.number == 1:
            scope.name.at = f.at
            scope.name.length = f.end - f.at
        elif f.wire == 2 and f.number == 2:
            scope.version.at = f.at
            scope.version.length = f.end - f.at
    if list_attrs(s, M_SCOPE, &scope.message, 3, &scope.attrs, &scope.attrs_count) < 0:
        return -1
    s.scopes[s.scope_count] = scope
    s.scope_count += 1
    return 0


cdef int scan_resource(Scan* s, uint32_t at, uint32_t end, int depth) noexcept nogil:
    cdef Field f
    cdef ResourceRow resource
    cdef uint32_t pos = at
    cdef uint32_t first_accepted = NOWHERE
    cdef int flags, fault
    cdef int bad = 0
    cdef size_t first_row = s.row_count
    cdef size_t first_attr = s.attr_count
    cdef size_t first_scope = s.scope_count
    memset(&resource, 0, sizeof(ResourceRow))
    if s.resource_count == s.resource_room and grow(s):
        return -1
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        if otlp_kind(M_RESOURCE_SPANS, f.number, f.wire) == K_UNKNOWN:
            continue
        if f.number == 2:
            flags = <int> s.row_count
            if scan_scope(s, f.at, f.end, depth - 1) < 0:
                return -1
            if s.row_count > <size_t> flags and first_accepted == NOWHERE:
                first_accepted = s.first_accepted
        elif f.number == 1:
            if resource.has_resource:
                s.repeated = 1
            flags = check(s, M_RESOURCE, f.at, f.end, depth - 1)
            if flags < 0:
                return -1
            bad |= flags & BAD_UTF8
            resource.has_resource = 1
            resource.canonical = flags & CANONICAL
            resource.message.at = f.at
            resource.message.length = f.end - f.at
        else:
            bad |= check_text(s, &f, &resource.schema_url) & BAD_UTF8
    if bad:
        take_back(s, first_row, first_attr, first_accepted)
        s.scope_count = first_scope
    if s.row_count == first_row:
        return 0
    if list_attrs(s, M_RESOURCE, &resource.message, 1, &resource.attrs, &resource.attrs_count) < 0:
        return -1
    s.resources[s.resource_count] = resource
    s.resource_count += 1
    return 0


cdef int scan_request(Scan* s, uint32_t end, int depth) noexcept nogil:
    cdef Field f
    cdef uint32_t pos = 0
    cdef int fault
    while pos < end:
        fault = next_field(s.base, pos, end, depth, &f)
        if fault:
            return fail(s, fault, f.tag_at)
        pos = f.end
        if f.number == 1 and f.wire == 2 and scan_resource(s, f.at, f.end, depth - 1) < 0:
            return -1
    return 0


def scan(body, *, int max_spans=65536, int max_attributes=1024, int max_depth=DEPTH, KeyTable keys=None):
    """Scan the bytes of an OTLP ExportTraceServiceRequest."""
    cdef KeyTable table = keys if keys is not None else default_keys()
    cdef bint repeated = False
    batch = scan_view(memoryview(body).cast("B"), max_spans, max_attributes, max_depth, table, &repeated)
    if repeated:
        # Rare: a singular message came in parts. The structure is known to be sound; join the parts and read again.
        whole = coalesce(memoryview(body).cast("B"))
        batch = scan_view(memoryview(whole), max_spans, max_attributes, max_depth, table, &repeated)
    return batch


cdef SpanBatch scan_view(
    object view, uint32_t max_spans, uint32_t max_attributes, int max_depth, KeyTable table, bint* repeated
):
    cdef SpanBatch batch = SpanBatch.__new__(SpanBatch)
    cdef Scan s
    cdef int i
    cdef uint32_t size
    if view.nbytes > 0x7FFFFFFE:
        raise WireError("a request below 2 GiB", got=f"{view.nbytes} bytes", fix="send smaller batches")
    size = <uint32_t> view.nbytes
    batch.keys = table
    batch._set_buffers([view])
    memset(&s, 0, sizeof(Scan))
    s.base = batch.bases[0]
    s.max_spans = max_spans
    s.max_attributes = max_attributes
    s.attr_budget = size // 16
    s.key_blob = table.blob_base
    s.key_starts = table.starts
    s.key_hashes = table.hashes
    s.key_slots = table.slots
    s.key_mask = table.mask
    s.stamps = <uint32_t*> calloc(table.count + 1, sizeof(uint32_t))
    if s.stamps == NULL:
        raise MemoryError
    # Typical spans are over 500 bytes with about 20 attributes; what is too small grows by half.
    s.row_room = size // 1024 + 8
    s.rows = <SpanRow*> malloc(s.row_room * sizeof(SpanRow))
    s.attr_room = size // 96 + 64
    s.attrs = <Attr*> malloc(s.attr_room * sizeof(Attr))
    with nogil:
        if s.rows == NULL or s.attrs == NULL:
            fail(&s, FAULT_MEMORY, 0)
        elif grow(&s) == 0:
            scan_request(&s, size, min(max_depth, DEPTH))
    free(s.stamps)
    # The batch owns the rows from here on, also when an error is raised.
    batch._own(s.rows)
    batch.row_count = s.row_count
    batch.attrs = s.attrs
    batch.attr_count = s.attr_count
    batch.scopes = s.scopes
    batch.scope_count = s.scope_count
    batch.resources = s.resources
    batch.resource_count = s.resource_count
    if s.fault:
        wire_error(s.fault, s.fault_at, "")
    repeated[0] = s.repeated
    batch.rejected = [
        Rejection(reason=REASON_NAMES[i], index=s.firsts[i], count=s.counts[i]) for i in range(REASONS) if s.counts[i]
    ]
    return batch
