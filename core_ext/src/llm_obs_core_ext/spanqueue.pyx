"""Finished spans as bytes on their way out: bounded by bytes, cut into batches by bytes, counted exactly.

``created + recovered = exported + queued + spooled + dropped`` holds whenever the GIL can be taken: every step below changes both sides in one
go. Nothing here blocks and nothing keeps a span object.
"""

from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from llm_obs_core_ext.otlpwrite cimport (
    Buf, buf_free, buf_need, close_length, put_byte, put_raw, put_string, put_varint, read_varint, put_key_value, clean, varint_size,
    write_varint,
)


# Large buffers that are done with wait here for the next batch: fresh pages cost more than the copying.
cdef enum:
    SPARES = 4
    SPARE_BYTES = 4194304
cdef Buf spares[4]
cdef int spare_count = 0


cdef Buf spare_buf() noexcept:
    global spare_count
    cdef Buf b = Buf(NULL, 0, 0)
    if spare_count:
        spare_count -= 1
        b = spares[spare_count]
        b.size = 0
    return b


cdef void give_back(Buf *b) noexcept:
    global spare_count
    if b.data != NULL and spare_count < SPARES and b.capacity <= SPARE_BYTES:
        spares[spare_count] = b[0]
        spare_count += 1
        b.data = NULL
        b.size = b.capacity = 0
    else:
        buf_free(b)


cdef bytes taken(Buf *b):
    cdef bytes out = PyBytes_FromStringAndSize(<const char *>b.data, b.size)
    buf_free(b)
    return out


cdef int put_attributes(Buf *b, object attributes) except -1:
    for key, value in (attributes or {}).items():
        put_key_value(b, 0x0A, str(key), clean(value, False, 0), -1)
    return 0


cdef bytes resource_field(object resource):
    cdef Buf b = Buf(NULL, 0, 0)
    try:
        buf_need(&b, 2)
        put_byte(&b, 0x0A)
        b.size += 1
        put_attributes(&b, getattr(resource, "attributes", None))
        close_length(&b, 1, 1)
        return taken(&b)
    finally:
        buf_free(&b)


cdef bytes scope_field(object scope):
    cdef Buf b = Buf(NULL, 0, 0)
    try:
        buf_need(&b, 2)
        put_byte(&b, 0x0A)
        b.size += 1
        if scope is not None:
            put_string(&b, 0x0A, scope.name)
            put_string(&b, 0x12, scope.version)
            for key, value in (getattr(scope, "attributes", None) or {}).items():
                put_key_value(&b, 0x1A, str(key), clean(value, False, 0), -1)
        close_length(&b, 1, 1)
        return taken(&b)
    finally:
        buf_free(&b)


cdef bytes url_field(object url):
    cdef Buf b = Buf(NULL, 0, 0)
    try:
        buf_need(&b, 1)
        put_string(&b, 0x1A, url or "")
        return taken(&b)
    finally:
        buf_free(&b)


cdef class ScopeBuffer:
    """Where the finished spans of one (resource, scope) gather; made by `SpanQueue.scope`."""

    def __cinit__(self, SpanQueue queue, resource, scope):
        self.queue = queue
        self.resource = resource
        self.scope = scope
        self.resource_head = resource_field(resource)
        self.resource_tail = url_field(getattr(resource, "schema_url", ""))
        self.scope_head = scope_field(scope)
        self.scope_tail = url_field(getattr(scope, "schema_url", ""))
        self.spans = spare_buf()

    def __dealloc__(self):
        give_back(&self.spans)


cdef size_t scope_size(ScopeBuffer scope, size_t spans) except? 0:
    return len(scope.scope_head) + spans + len(scope.scope_tail)


cdef size_t envelope_size(ScopeBuffer scope, size_t spans) except? 0:
    """Bytes of one `ResourceSpans` field around spans of one scope."""
    cdef size_t inner = scope_size(scope, spans)
    cdef size_t body = len(scope.resource_head) + 1 + varint_size(inner) + inner + len(scope.resource_tail)
    return 1 + varint_size(body) + body


cdef uint8_t *write_part(uint8_t *p, bytes part) except NULL:
    memcpy(p, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part))
    return p + PyBytes_GET_SIZE(part)


cdef uint8_t *write_scope(uint8_t *p, ScopeBuffer scope, Buf *spans) except NULL:
    p[0] = 0x12
    p = write_varint(p + 1, scope_size(scope, spans.size))
    p = write_part(p, scope.scope_head)
    if spans.size:
        memcpy(p, spans.data, spans.size)
        p += spans.size
    return write_part(p, scope.scope_tail)


cdef uint8_t *write_envelope(uint8_t *p, ScopeBuffer scope, Buf *spans) except NULL:
    cdef size_t inner = scope_size(scope, spans.size)
    p[0] = 0x0A
    p = write_varint(p + 1, len(scope.resource_head) + 1 + varint_size(inner) + inner + len(scope.resource_tail))
    p = write_part(p, scope.resource_head)
    p = write_scope(p, scope, spans)
    return write_part(p, scope.resource_tail)


cdef class Chunk:
    """A sealed run of spans of one scope; owns their bytes."""

    cdef Buf spans
    cdef Py_ssize_t count
    cdef ScopeBuffer scope

    def __dealloc__(self):
        give_back(&self.spans)


cdef class Batch:
    """What one request carries. `count` spans, `nbytes` bytes of spans without their envelopes."""

    cdef list chunks
    cdef readonly Py_ssize_t count
    cdef readonly size_t nbytes

    def __cinit__(self, list chunks not None):
        cdef Chunk chunk
        self.chunks = chunks
        for chunk in chunks:
            self.count += chunk.count
            self.nbytes += chunk.spans.size

    def encode(self):
        """The batch as an ExportTraceServiceRequest."""
        cdef Chunk chunk
        cdef size_t total = 0
        cdef bytes out
        cdef uint8_t *p
        for chunk in self.chunks:
            total += envelope_size(chunk.scope, chunk.spans.size)
        out = PyBytes_FromStringAndSize(NULL, total)
        p = <uint8_t *>PyBytes_AS_STRING(out)
        for chunk in self.chunks:
            p = write_envelope(p, chunk.scope, &chunk.spans)
        return out

    def split(self):
        """Two batches of about half the bytes each; [self] when there is only one span."""
        cdef Chunk chunk
        cdef const uint8_t *p
        cdef const uint8_t *end
        cdef size_t done = 0, n
        cdef list left = [], right = [], side
        cdef Py_ssize_t seen = 0
        cdef Chunk part
        cdef const uint8_t *start
        if self.count < 2:
            return [self]
        for chunk in self.chunks:
            p = chunk.spans.data
            end = p + chunk.spans.size
            while p < end:
                start = p
                p += 1
                n = read_varint(&p)
                p += n
                n = p - start
                side = left if not left or (done + n <= self.nbytes // 2 and seen < self.count - 1) else right
                if right:
                    side = right
                if not side or (<Chunk>side[len(side) - 1]).scope is not chunk.scope:
                    part = Chunk()
                    part.scope = chunk.scope
                    side.append(part)
                part = side[len(side) - 1]
                buf_need(&part.spans, n)
                put_raw(&part.spans, start, n)
                part.count += 1
                done += n
                seen += 1
        return [Batch(left), Batch(right)]


cdef class SpanQueue:
    """The buffer of one pipeline.

    Args:
        max_bytes: Bound of the bytes buffered and in flight. Ordinary spans may fill nine tenths, spans with an error all.
        batch_bytes: A batch is closed when it holds this many bytes.
        max_span_bytes: A larger span is dropped alone, reason ``too_large``.
        notify: Called without arguments when the first span comes and when a batch is full; must not block or raise.
    """

    def __cinit__(self, size_t max_bytes, size_t batch_bytes, size_t max_span_bytes, notify):
        self.max_bytes = max_bytes
        self.batch_bytes = batch_bytes
        self.max_span_bytes = max_span_bytes
        self._notify = notify
        self._dropped = {}
        self._scopes = []
        self._ready = deque()

    @property
    def dropped(self):
        """Spans dropped, by reason (a copy)."""
        return dict(self._dropped)

    def scope(self, resource, scope):
        """A new buffer for the spans of one (resource, scope); the caller keeps one per pair."""
        buffer = ScopeBuffer(self, resource, scope)
        self._scopes.append(buffer)
        return buffer

    cdef int _drop(self, str reason, uint64_t count) except -1:
        self._dropped[reason] = self._dropped.get(reason, 0) + count
        return 0

    cdef int admit(self, size_t estimate, bint error) except -1:
        """Counts one span as created; 1 when there is room for it, 0 when it was dropped."""
        cdef size_t limit = self.max_bytes if error else self.max_bytes - self.max_bytes // 10
        self.created += 1
        if self._closed is not None:
            self._drop(self._closed, 1)
            return 0
        if estimate > self.max_span_bytes:
            self._drop("too_large", 1)
            return 0
        if self.queued_bytes + estimate > limit:
            self._drop("queue_full", 1)
            return 0
        return 1

    cdef int lose(self, str reason, uint64_t count) except -1:
        """Counts spans that were recorded and are lost before they came here."""
        self.created += count
        return self._drop(reason, count)

    cdef int take_over(self, ScopeBuffer scope, bytes span, bytes more, bint error) except -1:
        """Takes a finished span, a `ScopeSpans.spans` field, with one more field of its own behind the others."""
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(span) + 1
        cdef size_t before = scope.spans.size, extra = PyBytes_GET_SIZE(more)
        cdef size_t body = read_varint(&p)
        if not self.admit(body + extra + 16, error):
            return 0
        buf_need(&scope.spans, body + extra + 16)
        put_byte(&scope.spans, 0x12)
        put_varint(&scope.spans, body + extra)
        put_raw(&scope.spans, p, body)
        put_raw(&scope.spans, PyBytes_AS_STRING(more), extra)
        return self.commit(scope, before)

    cdef int commit(self, ScopeBuffer scope, size_t before) except -1:
        """Takes over the span written to `scope.spans` from offset `before` on."""
        cdef bint first = self.buffered == 0
        scope.count += 1
        self.queued += 1
        self.buffered += 1
        self.queued_bytes += scope.spans.size - before
        if scope.spans.size >= self.batch_bytes:
            self._seal(scope)
            self._notify()
        elif first:
            self._notify()
        return 0

    def _seal(self, ScopeBuffer scope not None):
        cdef Chunk chunk = Chunk()
        chunk.scope = scope
        chunk.spans = scope.spans
        chunk.count = scope.count
        scope.spans = spare_buf()
        scope.count = 0
        self._ready.append(chunk)

    @property
    def full_batches(self):
        """Batches that are closed and wait to be taken."""
        return len(self._ready)

    def take(self):
        """The next batch of at most about `batch_bytes`, or None; it stays in the ledger as queued until `settle`."""
        cdef ScopeBuffer scope
        cdef Chunk chunk
        cdef list chunks = []
        cdef size_t total = 0
        if not self._ready:
            for scope in self._scopes:
                if scope.count:
                    self._seal(scope)
        while self._ready:
            chunk = self._ready[0]
            if chunks and total + chunk.spans.size > self.batch_bytes:
                break
            chunks.append(self._ready.popleft())
            total += chunk.spans.size
        if not chunks:
            return None
        batch = Batch(chunks)
        self.buffered -= batch.count
        return batch

    def settle(self, Batch batch not None, Py_ssize_t exported, str reason=""):
        """Ends a batch: `exported` of its spans went out, the others are dropped for `reason`."""
        cdef Py_ssize_t lost = batch.count - exported
        self.queued -= batch.count
        self.queued_bytes -= batch.nbytes
        self.exported += exported
        if lost:
            self._drop(reason, lost)

    def spool(self, Batch batch not None):
        """Ends a batch that waits on disk from now on."""
        self.queued -= batch.count
        self.queued_bytes -= batch.nbytes
        self.spooled += batch.count

    def settle_spooled(self, Py_ssize_t count, Py_ssize_t exported, str reason=""):
        """Ends `count` spans that waited on disk: `exported` of them went out, the others are dropped for `reason`."""
        self.spooled -= count
        self.exported += exported
        if count > exported:
            self._drop(reason, count - exported)

    def recover(self, Py_ssize_t count):
        """Counts spans of earlier processes that wait on disk."""
        self.recovered += count
        self.spooled += count

    def ledger(self):
        """(created, exported, queued, dropped by reason, sampled out, spooled, recovered) of one moment."""
        return (
            self.created, self.exported, self.queued, dict(self._dropped), self.sampled_out, self.spooled, self.recovered
        )

    def close(self, str reason not None):
        """Drops everything that is buffered and not in flight, and from now on every span, for `reason`."""
        self._closed = reason
        while (batch := self.take()) is not None:
            self.settle(batch, 0, reason)

    def reset(self):
        """Empties buffers and ledger: what a forked child starts with."""
        cdef ScopeBuffer scope
        for scope in self._scopes:
            buf_free(&scope.spans)
            scope.count = 0
        self._ready.clear()
        self._dropped.clear()
        self.created = self.exported = self.queued = self.buffered = self.sampled_out = 0
        self.queued_bytes = self.spooled = self.recovered = 0
