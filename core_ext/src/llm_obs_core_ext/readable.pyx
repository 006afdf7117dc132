"""What can be read back from a span while it is filled and after: the half of `recorder` that changes nothing.

The names are those of `opentelemetry.sdk.trace.ReadableSpan`. The memory of a span belongs to this half.
"""

from types import MappingProxyType

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from opentelemetry import trace as api

from llm_obs_core_ext.otlpwrite cimport Buf, buf_free, read_event, read_key_value, read_varint

cdef object SpanContext = api.SpanContext
cdef object TraceFlags = api.TraceFlags
cdef object Status = api.Status
cdef object StatusCode = api.StatusCode
cdef object ERROR = StatusCode.ERROR
cdef object OK = StatusCode.OK
cdef object UNSET = StatusCode.UNSET

# Buffers of ended spans wait here for the next one: no malloc and no growth in the steady state.
cdef enum:
    POOL = 64
    POOL_BYTES = 16384
    FIRST_ENTRIES = 32
cdef Buf pool[64]
cdef Entry *entry_pool[64]
cdef int pooled = 0


cdef class ReadableSpan:
    """See the module; a `RecordedSpan` is one."""

    def __cinit__(self):
        global pooled
        if pooled:
            pooled -= 1
            self.attributes_buf = pool[pooled]
            self.entries = entry_pool[pooled]
            self.entry_capacity = FIRST_ENTRIES
        else:
            self.entries = <Entry *>malloc(FIRST_ENTRIES * sizeof(Entry))
            if self.entries == NULL:
                raise MemoryError
            self.entry_capacity = FIRST_ENTRIES

    def __dealloc__(self):
        global pooled
        if pooled < POOL and self.entry_capacity == FIRST_ENTRIES and self.attributes_buf.capacity <= POOL_BYTES:
            self.attributes_buf.size = 0
            pool[pooled] = self.attributes_buf
            entry_pool[pooled] = self.entries
            pooled += 1
        else:
            buf_free(&self.attributes_buf)
            free(self.entries)

    def get_span_context(self):
        """The SpanContext."""
        if self._context is None:
            self._context = SpanContext(
                (<object>self.trace_high << 64) | self.trace_low, self.span_id, False, TraceFlags(self.flags),
                self.trace_state,
            )
        return self._context

    @property
    def context(self):
        """The SpanContext."""
        return self.get_span_context()

    @property
    def parent(self):
        """The parent's SpanContext, None at a root."""
        if self._parent is None and self.has_parent:
            self._parent = SpanContext(
                (<object>self.trace_high << 64) | self.trace_low, self.parent_id, self.parent_remote,
                TraceFlags(self.parent_flags), self.parent_state,
            )
        return self._parent

    @property
    def name(self):
        """The name."""
        return self._name

    @property
    def kind(self):
        """The SpanKind."""
        return self._kind

    @property
    def start_time(self):
        """Nanoseconds UTC."""
        return self.start_ns

    @property
    def end_time(self):
        """Nanoseconds UTC; None while recording."""
        return self.end_ns or None

    @property
    def status(self):
        """The Status."""
        if self.status_number == 0:
            return Status(UNSET)
        return Status(ERROR if self.status_number == 2 else OK, self._status_message)

    @property
    def attributes(self):
        """The attributes as they stand, read back from the bytes."""
        cdef dict found = {}
        cdef uint32_t i
        cdef const uint8_t *p
        cdef uint64_t n
        for i in range(self.entry_count):
            if self.entries[i].size:
                p = self.attributes_buf.data + self.entries[i].start + 1
                n = read_varint(&p)
                key, value = read_key_value(p, p + n)
                found[key] = value
        return MappingProxyType(found)

    @property
    def links(self):
        """The links."""
        return tuple([link for link, _ in self._links or ()])

    @property
    def events(self):
        """The events, as `opentelemetry.sdk.trace.Event`."""
        from opentelemetry.sdk.trace import Event

        return tuple([Event(name, attributes, timestamp) for name, attributes, timestamp in map(read_event, self._events or ())])

    @property
    def dropped_attributes(self):
        """Attributes that were dropped by a limit or could not be recorded."""
        return self.dropped_attributes_n

    @property
    def dropped_events(self):
        """Events that were dropped."""
        return self.dropped_events_n

    @property
    def dropped_links(self):
        """Links that were dropped."""
        return self.dropped_links_n

    @property
    def resource(self):
        """The Resource."""
        return self.scope.resource

    @property
    def instrumentation_scope(self):
        """The InstrumentationScope."""
        return self.scope.scope

    def __repr__(self):
        return f'{type(self).__name__}(name="{self._name}", context={self.get_span_context()})'
