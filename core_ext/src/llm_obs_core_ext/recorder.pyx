"""A span of the OpenTelemetry API that writes OTLP bytes as it is filled.

An attribute is encoded when it is set; a key set again marks the old bytes dead, `end` leaves the dead ones out and
appends the message to the scope's buffer. Limits, dropped counts and status rules are those of
`opentelemetry.sdk.trace.Span`; unlike there, a value that cannot be recorded never raises into the caller: it is counted
in `dropped_attributes`. Needs opentelemetry-api, which llm-obs-sdk brings.
"""

import logging
import traceback
from types import MappingProxyType

from cpython.bytes cimport PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject_Hash
from cpython.unicode cimport PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memmove
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core import semconv
from opentelemetry import trace as api

from llm_obs_core_ext.otlpwrite cimport (
    Buf, buf_free, buf_need, clean, clean_key, close_length, put_big64, put_byte, put_bytes, put_count, put_fixed64,
    put_flags, put_key_value, put_mapping, put_raw, put_string, read_key_value, read_varint, varint_size,
)
from llm_obs_core_ext.readable cimport Entry, ReadableSpan

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long long tv_sec
        long tv_nsec
    int timespec_get(timespec *, int)
    int TIME_UTC

cdef object log = logging.getLogger("llm_obs.sdk")
cdef object Status = api.Status
cdef object StatusCode = api.StatusCode
cdef object ERROR = StatusCode.ERROR
cdef object UNSET = StatusCode.UNSET
cdef str INPUT_TOKENS = semconv.USAGE_INPUT_TOKENS
cdef str OUTPUT_TOKENS = semconv.USAGE_OUTPUT_TOKENS


cdef int64_t now_ns() noexcept nogil:
    cdef timespec t
    timespec_get(&t, TIME_UTC)
    return <int64_t>t.tv_sec * 1000000000 + t.tv_nsec


cdef class Limits:
    """The numbers of an `opentelemetry.sdk.trace.SpanLimits`; None there means no limit."""

    def __cinit__(self, limits):
        self.max_attributes = number(limits.max_span_attributes)
        self.max_events = number(limits.max_events)
        self.max_links = number(limits.max_links)
        self.max_event_attributes = number(limits.max_event_attributes)
        self.max_link_attributes = number(limits.max_link_attributes)
        self.max_chars = number(limits.max_span_attribute_length)
        self.max_nested_chars = number(limits.max_attribute_length)


cdef Py_ssize_t number(object limit) except -2:
    return -1 if limit is None else limit


cdef class RecordedSpan(ReadableSpan):
    """See the module; made by `RecordingTracer.start_span`."""

    cdef int start_recording(self, object attributes, object links) except -1:
        if attributes:
            self.set_attributes(attributes)
        if links:
            for link in links:
                if link is not None:
                    self.add_link(link.context, link.attributes)
        return 0

    cdef int set_one(self, object key, object value) except -1:
        """Records one attribute with a clean key; what cannot be recorded is counted as dropped."""
        cdef size_t start
        cdef uint32_t i
        cdef int rc
        cdef Py_hash_t h = PyObject_Hash(key)
        cdef Entry *entry
        try:
            start = self.attributes_buf.size
            rc = put_key_value(&self.attributes_buf, 0x4A, <str>key, value, self.limits.max_chars)
            if rc:
                value = clean(value, False, 0)
                if self.end_ns:
                    return 0
                start = self.attributes_buf.size
                put_key_value(&self.attributes_buf, 0x4A, <str>key, value, self.limits.max_chars)
            if self.attributes_buf.size > 0x7FFFFFFF:
                self.attributes_buf.size = start
                raise ValueError("expected at most 2 GiB of attributes on a span, got more; record less")
        except Exception as error:
            self.dropped_attributes_n += 1
            log.warning("attribute %r was not recorded: %s", key, error)
            return 0
        if self.entry_count == self.entry_capacity:
            self.make_room()
        for i in range(self.entry_count):
            entry = &self.entries[i]
            if entry.hash == h and entry.size and self.has_key(entry, key):
                self.dead_bytes += entry.size
                entry.size = 0
                self.live_count -= 1
                break
        else:
            if self.limits.max_attributes >= 0 and self.live_count >= <uint32_t>self.limits.max_attributes:
                for i in range(self.entry_count):
                    entry = &self.entries[i]
                    if entry.size:
                        self.dead_bytes += entry.size
                        entry.size = 0
                        self.live_count -= 1
                        self.dropped_attributes_n += 1
                        break
        entry = &self.entries[self.entry_count]
        entry.hash = h
        entry.start = <uint32_t>start
        entry.size = <uint32_t>(self.attributes_buf.size - start)
        self.entry_count += 1
        self.live_count += 1
        if self.dead_bytes > 65536 and self.dead_bytes > self.attributes_buf.size // 2:
            self.compact()
        return 0

    cdef bint has_key(self, Entry *entry, object key) except -1:
        cdef const uint8_t *p = self.attributes_buf.data + entry.start + 1
        cdef Py_ssize_t n = 0
        cdef const char *text
        cdef uint64_t size
        read_varint(&p)
        p += 1
        size = read_varint(&p)
        try:
            text = PyUnicode_AsUTF8AndSize(key, &n)
        except UnicodeEncodeError:  # a lone surrogate: the hash has to do
            return True
        return <uint64_t>n == size and memcmp(p, text, n) == 0

    cdef int compact(self) except -1:
        """Moves the live attributes together."""
        cdef uint32_t i, kept = 0
        cdef uint32_t at = 0
        cdef Entry entry
        for i in range(self.entry_count):
            entry = self.entries[i]
            if entry.size:
                memmove(self.attributes_buf.data + at, self.attributes_buf.data + entry.start, entry.size)
                entry.start = at
                at += entry.size
                self.entries[kept] = entry
                kept += 1
        self.entry_count = kept
        self.attributes_buf.size = at
        self.dead_bytes = 0
        return 0

    cdef int make_room(self) except -1:
        """Room for one more entry."""
        cdef Entry *entries
        cdef uint32_t i, kept = 0
        if self.live_count <= self.entry_count // 2:
            # Only the table: the bytes behind the last entry are the attribute that is being set.
            for i in range(self.entry_count):
                if self.entries[i].size:
                    self.entries[kept] = self.entries[i]
                    kept += 1
            self.entry_count = kept
            return 0
        entries = <Entry *>realloc(self.entries, 2 * self.entry_capacity * sizeof(Entry))
        if entries == NULL:
            raise MemoryError
        self.entries = entries
        self.entry_capacity *= 2
        return 0

    def set_attribute(self, key, value):
        """Sets one attribute; None as value is kept as an empty value."""
        if self.end_ns:
            log.warning("Setting attribute on ended span.")
        elif self.limits.max_attributes == 0:
            self.dropped_attributes_n += 1
        elif PyUnicode_CheckExact(key) and key:
            self.set_one(key, value)
        elif isinstance(key, str) and key:
            self.set_one(clean_key(key), value)
        else:
            log.warning("invalid key `%s`. must be non-empty string. Dropping key from attributes.", key)
            self.dropped_attributes_n += 1

    def set_attributes(self, attributes):
        """Sets each attribute of a mapping."""
        if self.end_ns:
            log.warning("Setting attribute on ended span.")
            return
        try:
            items = dict(attributes)
        except Exception as error:
            log.warning("attributes were not recorded: expected a mapping, got %s: %s", type(attributes).__name__, error)
            return
        if self.limits.max_attributes == 0:
            self.dropped_attributes_n += <uint32_t>len(items)
            return
        for key, value in (<dict>items).items():
            if PyUnicode_CheckExact(key) and key:
                self.set_one(key, value)
                continue
            name = None
            try:
                name = clean_key(key)
            except Exception as error:
                log.warning("an attribute was not recorded: its key has no text: %s", error)
            if name is None or (name in items and name is not key and type(key) is not str and not isinstance(key, str)):
                self.dropped_attributes_n += 1
            if name is not None:
                self.set_one(name, value)

    def add_event(self, name, attributes=None, timestamp=None):
        """Adds an event. `timestamp`: nanoseconds, now when None."""
        cdef Buf b = Buf(NULL, 0, 0)
        cdef uint32_t dropped = 0
        if self.end_ns:
            log.warning("Tried calling %s on an ended span.", "add_event")
            return
        try:
            buf_need(&b, 16)
            if timestamp is None:
                put_fixed64(&b, 0x09, now_ns())
            elif timestamp:
                put_fixed64(&b, 0x09, <uint64_t>timestamp)
            put_string(&b, 0x12, name)
            put_mapping(&b, 0x1A, attributes, self.limits.max_event_attributes, self.limits.max_nested_chars, &dropped)
            put_count(&b, 0x20, dropped)
            if self._events is None:
                self._events = []
            self.keep(self._events, PyBytes_FromStringAndSize(<const char *>b.data, b.size), self.limits.max_events,
                      &self.dropped_events_n)
        except Exception as error:
            self.dropped_events_n += 1
            log.warning("event %r was not recorded: %s", name, error)
        finally:
            buf_free(&b)

    cdef int keep(self, list items, object item, Py_ssize_t limit, uint32_t *dropped) except -1:
        if limit >= 0 and len(items) >= limit:
            dropped[0] += 1
            if limit == 0:
                return 0
            del items[0]
        items.append(item)
        return 0

    def add_link(self, context, attributes=None):
        """Adds a link; one that is invalid and carries nothing is ignored."""
        cdef Buf b = Buf(NULL, 0, 0)
        cdef uint32_t dropped = 0
        if self.end_ns:
            log.warning("Tried calling %s on an ended span.", "_add_link")
            return
        if not context or not (context.is_valid or attributes or context.trace_state):
            return
        try:
            buf_need(&b, 40)
            put_byte(&b, 0x0A)
            put_byte(&b, 16)
            put_big64(&b, <uint64_t>(context.trace_id >> 64))
            put_big64(&b, <uint64_t>(context.trace_id & 0xFFFFFFFFFFFFFFFF))
            put_byte(&b, 0x12)
            put_byte(&b, 8)
            put_big64(&b, <uint64_t>context.span_id)
            put_mapping(&b, 0x22, attributes, self.limits.max_link_attributes, self.limits.max_nested_chars, &dropped)
            put_count(&b, 0x28, dropped)
            put_flags(&b, 0x35, context.is_remote)
            link = api.Link(context, MappingProxyType(dict(attributes or {})))
            if self._links is None:
                self._links = []
            self.keep(self._links, (link, PyBytes_FromStringAndSize(<const char *>b.data, b.size)),
                      self.limits.max_links, &self.dropped_links_n)
        except Exception as error:
            self.dropped_links_n += 1
            log.warning("a link was not recorded: %s", error)
        finally:
            buf_free(&b)

    def record_exception(self, exception, attributes=None, timestamp=None, escaped=False):
        """Adds the event `exception` with type, message and stack trace."""
        if self.end_ns:
            log.warning("Tried calling %s on an ended span.", "add_event")
            return
        try:
            kind = type(exception)
            module = kind.__module__
            name = f"{module}.{kind.__qualname__}" if module and module != "builtins" else kind.__qualname__
            values = {
                "exception.type": name,
                "exception.message": str(exception),
                "exception.stacktrace": "".join(traceback.format_exception(exception)),
                "exception.escaped": str(escaped),
            }
            if attributes:
                values.update(attributes)
        except Exception as error:
            self.dropped_events_n += 1
            log.warning("exception %s was not recorded: %s", type(exception).__name__, error)
            return
        self.add_event("exception", values, timestamp)

    def set_status(self, status, description=None):
        """Sets the status: OK is final, UNSET is ignored, a description belongs to ERROR alone."""
        if self.end_ns:
            log.warning("Tried calling %s on an ended span.", "set_status")
            return
        if isinstance(status, Status):
            if description is not None:
                log.warning("Description %s ignored. Use either `Status` or `(StatusCode, Description)`", description)
        elif isinstance(status, StatusCode):
            if self.status_number == 1 or status is UNSET:
                return
            status = Status(status, description)
        else:
            return
        code = status.status_code
        if self.status_number == 1 or code is UNSET:
            return
        self.status_number = 2 if code is ERROR else 1
        self._status_message = status.description

    def update_name(self, name):
        """Replaces the name."""
        if self.end_ns:
            log.warning("Tried calling %s on an ended span.", "update_name")
            return
        self._name = name

    def is_recording(self):
        """Whether `end` has not been called."""
        return self.end_ns == 0

    def end(self, end_time=None):
        """Ends the span and hands its bytes on. `end_time`: nanoseconds, now when None."""
        cdef size_t before
        cdef int64_t now
        if self.end_ns:
            log.warning("Calling end() on an ended span.")
            return
        now = now_ns() if end_time is None else <int64_t>end_time
        if self.processors:
            for processor in self.processors:
                processor.on_ending(self)
        self.end_ns = now if now else 1
        if self.flags & 1 and self.scope is not None:
            before = self.scope.spans.size
            try:
                if self.scope.queue.admit(self.estimate(), self.status_number == 2):
                    self.write(&self.scope.spans)
                    self.scope.queue.commit(self.scope, before)
            except Exception as error:
                self.scope.spans.size = before
                self.scope.queue._drop("encoding", 1)
                log.warning("span %r was not recorded: %s", self._name, error)
        elif self.pending is not None:
            try:
                self.undecided()
            except Exception as error:
                self.scope.queue.lose("encoding", 1)
                log.warning("span %r was not recorded: %s", self._name, error)
        if self.processors:
            for processor in self.processors:
                processor.on_end(self)

    cdef int undecided(self) except -1:
        """Hands the span to its trace, which is not decided yet."""
        cdef Buf b = Buf(NULL, 0, 0)
        cdef uint64_t tokens = 0
        cdef bytes span
        try:
            self.write(&b)
            span = PyBytes_FromStringAndSize(<const char *>b.data, b.size)
        finally:
            buf_free(&b)
        if self.pending.owner.tokens:
            tokens = self.count_of(INPUT_TOKENS) + self.count_of(OUTPUT_TOKENS)
        return self.pending.ended(self.scope, span, self.end_ns, self.local_root, self.status_number == 2, tokens)

    cdef uint64_t count_of(self, str key) except? 0:
        """The value of an attribute that is a count; 0 without it."""
        cdef uint32_t i
        cdef const uint8_t *p
        cdef uint64_t n
        for i in range(self.entry_count):
            if self.entries[i].size and self.entries[i].hash == PyObject_Hash(key):
                p = self.attributes_buf.data + self.entries[i].start + 1
                n = read_varint(&p)
                value = read_key_value(p, p + n)[1]
                return <uint64_t>value if isinstance(value, int) and value > 0 else 0
        return 0

    cdef size_t estimate(self) except? 0:
        cdef size_t n = self.attributes_buf.size - self.dead_bytes + 128 + 4 * len(self._name)
        if self._events is not None:
            for item in self._events:
                n += PyBytes_GET_SIZE(item) + 8
        if self._links is not None:
            for item in self._links:
                n += PyBytes_GET_SIZE(item[1]) + 8
        return n

    cdef int write(self, Buf *b) except -1:
        """The finished span as a `ScopeSpans.spans` field."""
        cdef size_t mark, inner, reserved = varint_size(self.attributes_buf.size - self.dead_bytes + 96)
        cdef uint32_t i
        cdef Entry *entry
        buf_need(b, 128)
        put_byte(b, 0x12)
        mark = b.size
        b.size += reserved
        put_byte(b, 0x0A)
        put_byte(b, 16)
        put_big64(b, self.trace_high)
        put_big64(b, self.trace_low)
        put_byte(b, 0x12)
        put_byte(b, 8)
        put_big64(b, self.span_id)
        if self.has_parent:
            put_byte(b, 0x22)
            put_byte(b, 8)
            put_big64(b, self.parent_id)
        if self.trace_state is not None:
            put_string(b, 0x1A, self.trace_state.to_header())
        put_string(b, 0x2A, self._name)
        buf_need(b, 32)
        put_byte(b, 0x30)
        put_byte(b, self.kind_number)
        if self.start_ns:
            put_fixed64(b, 0x39, <uint64_t>self.start_ns)
        put_fixed64(b, 0x41, <uint64_t>self.end_ns)
        buf_need(b, self.attributes_buf.size + 32)
        if self.dead_bytes == 0:
            put_raw(b, self.attributes_buf.data, self.attributes_buf.size)
        else:
            for i in range(self.entry_count):
                entry = &self.entries[i]
                put_raw(b, self.attributes_buf.data + entry.start, entry.size)
        put_count(b, 0x50, self.dropped_attributes_n)
        if self._events is not None:
            for item in self._events:
                put_bytes(b, 0x5A, item)
        put_count(b, 0x60, self.dropped_events_n)
        if self._links is not None:
            for item in self._links:
                put_bytes(b, 0x6A, item[1])
        put_count(b, 0x70, self.dropped_links_n)
        buf_need(b, 16)
        put_byte(b, 0x7A)
        inner = b.size
        b.size += 1
        if self._status_message is not None:
            put_string(b, 0x12, self._status_message)
        buf_need(b, 16)
        if self.status_number:
            put_byte(b, 0x18)
            put_byte(b, self.status_number)
        close_length(b, inner, 1)
        buf_need(b, 16)
        put_byte(b, 0x85)
        put_flags(b, 0x01, self.has_parent and self.parent_remote)
        return close_length(b, mark, reserved)

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_val, exc_tb):
        if exc_val is not None and not self.end_ns:
            if self.escapes:
                self.record_exception(exc_val, escaped=True)
            if self.marks_errors:
                self.set_status(Status(ERROR, f"{type(exc_val).__name__}: {exc_val}"))
        self.end()


api.Span.register(RecordedSpan)
