"""Which calls of one request were reported more than once; see `roles.pxd`.

Two tables of numbers, filled while the rows are looked at anyway, say whether anything can be there; nearly always
nothing is, and then this costs a look for each call.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp

from llm_obs_core_ext.batch cimport SpanBatch, SpanRow

import os

from llm_obs_core.normalizer import roles as reference

cdef enum:
    MAX_LEVELS = 64
    MAX_COPIES = 16

assert (MAX_LEVELS, MAX_COPIES) == (reference.MAX_LEVELS, reference.MAX_COPIES)


cdef uint64_t SEED = <uint64_t> int.from_bytes(os.urandom(8), "little")


cdef int start_calls(Calls* calls, Py_ssize_t rows) noexcept nogil:
    cdef uint64_t size = 16
    while size < 2 * <uint64_t> rows:
        size *= 2
    calls.mask = size - 1
    calls.seed = SEED
    calls.parents = <uint64_t*> calloc(size, sizeof(uint64_t))
    calls.ids = <uint64_t*> calloc(size, sizeof(uint64_t))
    return -1 if calls.parents == NULL or calls.ids == NULL else 0


cdef void free_calls(Calls* calls) noexcept nogil:
    free(calls.calls)
    free(calls.parents)
    free(calls.ids)


cdef int more_calls(Calls* calls) noexcept nogil:
    cdef void* fresh = realloc(calls.calls, (calls.room * 2 + 64) * sizeof(Call))
    if fresh == NULL:
        return -1
    calls.calls = <Call*> fresh
    calls.room = calls.room * 2 + 64
    return 0


cdef int settle_roles(Calls* calls, SpanBatch batch, const uint8_t* arena) noexcept nogil:
    # Writes the calls' changes; -1 when out of memory.
    cdef size_t i
    for i in range(calls.count):
        if has_number(calls.parents, calls.mask, mix(batch.rows[calls.calls[i].row].span_id, calls.seed)):
            if settle_nested(calls, batch):
                return -1
            break
    return settle_copies(calls, batch, arena) if calls.copies else 0


cdef struct Rows:
    const SpanRow* rows
    uint32_t* slots        # open addressing by trace and span id: row + 1
    uint64_t mask
    uint64_t seed
    uint32_t* calls        # by row: call + 1


cdef uint64_t place_of(const Rows* rows, const SpanRow* row, const uint8_t* span_id) noexcept nogil:
    return mix(span_id, mix(row.trace_id + 8, mix(row.trace_id, rows.seed))) & rows.mask


cdef uint32_t row_of(const Rows* rows, const SpanRow* like, const uint8_t* span_id) noexcept nogil:
    # The first row of a trace with a span id, + 1; 0 when there is none.
    cdef uint64_t place = place_of(rows, like, span_id)
    cdef const SpanRow* row
    while rows.slots[place]:
        row = &rows.rows[rows.slots[place] - 1]
        if memcmp(row.span_id, span_id, 8) == 0 and memcmp(row.trace_id, like.trace_id, 16) == 0:
            return rows.slots[place]
        place = (place + 1) & rows.mask
    return 0


cdef int fill_rows(Rows* rows, const Calls* calls, SpanBatch batch) noexcept nogil:
    cdef uint64_t size = 16
    cdef uint64_t place
    cdef Py_ssize_t i
    cdef size_t k
    while size < 2 * <uint64_t> batch.row_count:
        size *= 2
    rows.rows = batch.rows
    rows.mask = size - 1
    rows.seed = calls.seed
    rows.slots = <uint32_t*> calloc(size, sizeof(uint32_t))
    rows.calls = <uint32_t*> calloc(batch.row_count + 1, sizeof(uint32_t))
    if rows.slots == NULL or rows.calls == NULL:
        return -1
    for i in range(batch.row_count):
        if row_of(rows, &batch.rows[i], batch.rows[i].span_id):
            continue
        place = place_of(rows, &batch.rows[i], batch.rows[i].span_id)
        while rows.slots[place]:
            place = (place + 1) & rows.mask
        rows.slots[place] = <uint32_t> (i + 1)
    for k in range(calls.count):
        rows.calls[calls.calls[k].row] = <uint32_t> (k + 1)
    return 0


cdef bint is_root(const SpanRow* row) noexcept nogil:
    cdef int i
    for i in range(8):
        if row.parent_id[i]:
            return False
    return True


cdef void look_up(const Rows* rows, Calls* calls, Call* call, bint second) noexcept nogil:
    # Goes up from a call. First it tells those around it what it has, then it asks them.
    cdef const SpanRow* row = &rows.rows[call.row]
    cdef Call* outer
    cdef uint32_t found
    cdef int level
    for level in range(MAX_LEVELS):
        if is_root(row):
            return
        found = row_of(rows, row, row.parent_id)
        if found == 0 or found == call.row + 1:
            return
        row = &rows.rows[found - 1]
        if rows.calls[found - 1] == 0:
            continue
        outer = &calls.calls[rows.calls[found - 1] - 1]
        if outer.embeds != call.embeds:
            continue
        if not second:
            outer.has_inner = 1
            outer.has_used |= call.has_usage
        elif outer.has_usage and not outer.has_used:
            call.change = ROLE_DUPLICATE
            return


cdef int settle_nested(Calls* calls, SpanBatch batch) noexcept nogil:
    cdef Rows rows
    cdef Call* call
    cdef size_t i
    cdef int result = fill_rows(&rows, calls, batch)
    if result == 0:
        for i in range(calls.count):
            look_up(&rows, calls, &calls.calls[i], False)
        for i in range(calls.count):
            call = &calls.calls[i]
            if call.is_given:
                continue
            if not call.has_usage and not call.failed:
                look_up(&rows, calls, call, True)
            if call.change == ROLE_KEPT and (call.has_used or call.has_inner and not call.has_usage):
                call.change = ROLE_ROLLUP
    free(rows.slots)
    free(rows.calls)
    return result


cdef struct Named:         # a call that has an id
    Call* call
    const uint8_t* id


cdef int in_order(const void* left, const void* right) noexcept nogil:
    # By id and kind, then as they came.
    cdef const Named* one = <const Named*> left
    cdef const Named* other = <const Named*> right
    cdef const Call* a = one.call
    cdef const Call* b = other.call
    cdef int order
    if a.id_hash != b.id_hash:
        return -1 if a.id_hash < b.id_hash else 1
    if a.id_length != b.id_length:
        return -1 if a.id_length < b.id_length else 1
    order = memcmp(one.id, other.id, a.id_length)
    if order:
        return order
    if a.embeds != b.embeds:
        return <int> a.embeds - <int> b.embeds
    return -1 if a.row < b.row else 1


cdef bint same_answer(const Named* one, const Named* other) noexcept nogil:
    cdef const Call* a = one.call
    cdef const Call* b = other.call
    return (
        a.id_hash == b.id_hash and a.id_length == b.id_length and a.embeds == b.embeds
        and memcmp(one.id, other.id, a.id_length) == 0
    )


cdef bint is_better(SpanBatch batch, const Call* a, const Call* b) noexcept nogil:
    cdef const SpanRow* one = &batch.rows[a.row]
    cdef const SpanRow* other = &batch.rows[b.row]
    if a.is_given != b.is_given:
        return a.is_given != 0
    if a.has_usage != b.has_usage:
        return a.has_usage != 0
    if one.start_ns != other.start_ns:
        return one.start_ns > other.start_ns
    if one.end_ns != other.end_ns:
        return one.end_ns < other.end_ns
    return a.row < b.row


cdef void settle_group(SpanBatch batch, Named* group, size_t count) noexcept nogil:
    cdef bint[MAX_COPIES] done
    cdef const SpanRow* kept
    cdef const SpanRow* row
    cdef size_t i, best
    for i in range(count):
        done[i] = False
    while True:
        best = count
        for i in range(count):
            if not done[i] and (best == count or is_better(batch, group[i].call, group[best].call)):
                best = i
        if best == count:
            return
        done[best] = True
        kept = &batch.rows[group[best].call.row]
        for i in range(count):
            row = &batch.rows[group[i].call.row]
            if done[i] or row.start_ns > kept.end_ns or kept.start_ns > row.end_ns:
                continue
            done[i] = True
            if not group[i].call.is_given:
                group[i].call.change = ROLE_DUPLICATE


cdef int settle_copies(Calls* calls, SpanBatch batch, const uint8_t* arena) noexcept nogil:
    cdef Named* order = <Named*> malloc((calls.count + 1) * sizeof(Named))
    cdef size_t count = 0
    cdef size_t first = 0
    cdef size_t i
    cdef Call* call
    if order == NULL:
        return -1
    for i in range(calls.count):
        call = &calls.calls[i]
        if call.id_length and call.change == ROLE_KEPT:
            order[count].id = (arena if call.id_is_set else batch.bases[batch.rows[call.row].head.buffer]) + call.id_at
            order[count].call = call
            count += 1
    qsort(order, count, sizeof(Named), in_order)
    for i in range(1, count + 1):
        if i == count or not same_answer(&order[first], &order[i]):
            if 1 < i - first <= MAX_COPIES:
                settle_group(batch, order + first, i - first)
            first = i
    free(order)
    return 0
