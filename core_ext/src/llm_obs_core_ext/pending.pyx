"""What becomes of a trace that head sampling did not choose: its local root's end decides, or what proves it before.

The spans of such a trace are recorded and wait here, as bytes. A span with an error, as many tokens as the rule names,
or a local root that lasted as long as it names keep the trace: its spans, and those that end later, go to the queue with
`llm_obs.sampling.kept_by`. Else the trace is given up when its root ends, and its spans are counted as sampled out.

Memory is bounded: beyond `max_bytes` the oldest trace has to go. It is kept when it lasts as long already as the rule
for slow ones names, else its spans are dropped for ``pending_full``. Every span is counted once: as pending, as created
(exported, queued or dropped), or as sampled out.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

from llm_obs_core import semconv

from llm_obs_core_ext.otlpwrite cimport Buf, buf_free, put_key_value
from llm_obs_core_ext.spanqueue cimport ScopeBuffer, SpanQueue

cdef str KEPT_BY = semconv.SAMPLING_KEPT_BY
cdef enum:
    OPEN
    KEPT
    SAMPLED_OUT
    DROPPED
    OVERHEAD_BYTES = 128    # what a waiting span takes beside its bytes


cdef class Pending:
    """The rules, and the traces that wait for their end.

    Args:
        queue: Where kept spans go.
        errors: Whether a span with an error keeps its trace.
        slow_s: A local root that lasts as long keeps its trace, seconds; 0 for none.
        tokens: As many input and output tokens keep a trace; 0 for no such rule.
        max_bytes: Bound of what waits.
    """

    def __cinit__(self, SpanQueue queue not None, bint errors, double slow_s, uint64_t tokens, size_t max_bytes):
        self.queue = queue
        self.errors = errors
        self.slow_ns = <int64_t>(slow_s * 1e9)
        self.tokens = tokens
        self.max_bytes = max_bytes
        self.traces = {}

    cdef PendingTrace begin(self, int64_t start_ns):
        cdef PendingTrace trace = PendingTrace.__new__(PendingTrace)
        trace.owner = self
        trace.parts = []
        trace.start_ns = start_ns
        return trace

    cdef int bound(self, int64_t now_ns) except -1:
        """Lets the oldest traces go while more waits than may."""
        cdef PendingTrace oldest
        while self.nbytes > self.max_bytes and self.traces:
            oldest = next(iter(self.traces.values()))
            if self.slow_ns and now_ns - oldest.start_ns >= self.slow_ns:
                oldest.keep("slow")
            else:
                oldest.give_up(DROPPED)
        return 0

    def close(self, int64_t now_ns):
        """Decides every trace as it stands at `now_ns`, nanoseconds UTC."""
        cdef PendingTrace trace
        while self.traces:
            trace = next(iter(self.traces.values()))
            if self.slow_ns and now_ns - trace.start_ns >= self.slow_ns:
                trace.keep("slow")
            else:
                trace.give_up(SAMPLED_OUT)

    def reset(self):
        """Forgets what waits: what a forked child starts with."""
        cdef PendingTrace trace
        while self.traces:
            trace = next(iter(self.traces.values()))
            trace.forget()


cdef class PendingTrace:
    """The spans of one process's part of a trace, until it is decided."""

    cdef bint closed(self) noexcept:
        """Whether it was given up: nothing more of it need be recorded."""
        return self.state == SAMPLED_OUT or self.state == DROPPED

    cdef int ended(
        self, ScopeBuffer scope, bytes span, int64_t end_ns, bint root, bint error, uint64_t tokens
    ) except -1:
        """Takes over a span that has ended."""
        cdef size_t size
        cdef str rule = None
        cdef tuple part = (scope, span)  # first: making it may collect garbage, whose spans may decide this trace
        if self.state == KEPT:
            return self.emit(scope, span)
        if self.state == SAMPLED_OUT:
            self.owner.queue.sampled_out += 1
            return 0
        if self.state == DROPPED:
            return self.owner.queue.lose("pending_full", 1)
        self.tokens += tokens
        if error and self.owner.errors:
            rule = "error"
        elif self.owner.tokens and self.tokens >= self.owner.tokens:
            rule = "tokens"
        elif root and self.owner.slow_ns and end_ns - self.start_ns >= self.owner.slow_ns:
            rule = "slow"
        size = PyBytes_GET_SIZE(span) + OVERHEAD_BYTES
        self.parts.append(part)
        self.nbytes += size
        self.owner.nbytes += size
        self.owner.spans += 1
        self.owner.traces[id(self)] = self
        if rule is not None:
            self.keep(rule)
        elif root:
            self.give_up(SAMPLED_OUT)
        else:
            self.owner.bound(end_ns)
        return 0

    cdef int keep(self, str rule) except -1:
        cdef Buf b = Buf(NULL, 0, 0)
        put_key_value(&b, 0x4A, KEPT_BY, rule, -1)
        self.mark = PyBytes_FromStringAndSize(<const char *>b.data, b.size)
        buf_free(&b)
        self.state = KEPT
        for scope, span in self.forget():
            self.emit(scope, span)
        return 0

    cdef int give_up(self, int state) except -1:
        cdef Py_ssize_t count
        self.state = state
        count = len(self.forget())
        if state == DROPPED:
            return self.owner.queue.lose("pending_full", count)
        self.owner.queue.sampled_out += count
        return 0

    cdef list forget(self):
        """Its spans, which no longer wait."""
        cdef list parts = self.parts
        self.parts = []
        self.owner.traces.pop(id(self), None)
        self.owner.nbytes -= self.nbytes
        self.owner.spans -= len(parts)
        self.nbytes = 0
        return parts

    cdef int emit(self, ScopeBuffer scope, bytes span) except -1:
        return self.owner.queue.take_over(scope, span, self.mark, True)
