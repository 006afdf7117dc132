"""From a span's start to an event or an instant; see `ruletimes.pxd`."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from llm_obs_core_ext.batch cimport VALUE_DOUBLE, VALUE_STRING, Attr
from llm_obs_core_ext.emit cimport EDIT_SET, Edits
from llm_obs_core_ext.forms cimport add_said
from llm_obs_core_ext.jsonobject cimport json_text
from llm_obs_core_ext.rulerun cimport Item, Run, get, put
from llm_obs_core_ext.ruletable cimport Rule, RuleTable
from llm_obs_core_ext.wire cimport Field, next_field, same_bytes


cdef extern from "instant.h" nogil:
    bint instant_read(const uint8_t* p, size_t n, int64_t* seconds, uint32_t* nanoseconds)
    bint instant_after(int64_t seconds, uint32_t nanoseconds, uint64_t start_ns, double* out)


cdef bint event_time(const Run* run, const uint8_t* name, uint32_t length, uint64_t* out) noexcept nogil:
    # The earliest event of a name.
    cdef uint32_t at = run.head.at
    cdef uint32_t end = at + run.head.length
    cdef uint32_t pos
    cdef uint64_t time_ns
    cdef bint named
    cdef bint found = False
    cdef Field f, inner
    while at < end:
        next_field(run.base, at, end, 100, &f)
        at = f.end
        if f.number != 11 or f.wire != 2:
            continue
        time_ns = 0
        named = False
        pos = f.at
        while pos < f.end:
            next_field(run.base, pos, f.end, 100, &inner)
            pos = inner.end
            if inner.number == 1 and inner.wire == 1:
                time_ns = inner.value
            elif inner.number == 2 and inner.wire == 2:
                named = inner.end - inner.at == length and same_bytes(run.base + inner.at, name, length)
        if named and (not found or time_ns < out[0]):
            found = True
            out[0] = time_ns
    return found


cdef bint instant(Run* run, const Item* item, int64_t* seconds, uint32_t* nanoseconds) noexcept nogil:
    # A time as text, or as the JSON text of a string.
    cdef const uint8_t* p = item.base + item.attr.value.text.at
    cdef uint32_t length = item.attr.value.text.length
    cdef uint32_t at, end
    if item.attr.type != VALUE_STRING:
        return False
    if json_text(p, length, &at, &end) and p[at] == c'"':
        run.forms.inner.used = 0
        add_said(&run.forms.inner, p, at, end)
        if run.forms.inner.failed:
            return False
        return instant_read(run.forms.inner.data, run.forms.inner.used, seconds, nanoseconds)
    return instant_read(p, length, seconds, nanoseconds)


cdef int run_elapsed(Run* run, RuleTable table, Edits edits, const Rule* rule) noexcept nogil:
    cdef Item item
    cdef Attr value
    cdef int64_t seconds = 0
    cdef uint32_t nanoseconds = 0
    cdef uint64_t time_ns = 0
    if run.slots[rule.target].stamp == run.stamp or run.start_ns == 0:
        return 0
    value.type = VALUE_DOUBLE
    value.flags = 0
    if rule.source == 0:
        if not event_time(run, table.text + rule.role_at, rule.role_length, &time_ns) or time_ns < run.start_ns:
            return 0
        value.value.f64 = <double> (time_ns - run.start_ns) / 1e9
    else:
        if not get(run, edits, rule.source, &item) or not instant(run, &item, &seconds, &nanoseconds):
            return 0
        if not instant_after(seconds, nanoseconds, run.start_ns, &value.value.f64):
            return 0
    return put(run, table, edits, rule.target, EDIT_SET, &value, NULL)
