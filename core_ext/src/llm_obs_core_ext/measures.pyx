"""What the rows of a batch measure, added up by key; the rules are in `measures.pyi`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memset

from llm_obs_core_ext.arrow cimport Memory, make_arrow, take_memory
from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.columns cimport *
from llm_obs_core_ext.histogram cimport *
from llm_obs_core_ext.wire cimport otlp_hash

from llm_obs_core import semconv
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES, SPAN_COLUMNS

cdef enum:  # columns of the plan: the keys but the minute, then these
    KEYS = 12
    START = KEYS
    DURATION
    STATUS
    TOKENS          # 11 of them, as in Usage
    COST = TOKENS + USAGE_FIELDS
    TTFT
    ROLE

cdef enum:  # places of a group's sums
    REQUESTS, ERRORS
    TOKEN_SUMS      # 11 of them
    COST_SUM = TOKEN_SUMS + USAGE_FIELDS
    UNPRICED, DURATION_SUM, TTFT_COUNT, TTFT_SUM, GENERATION_TOKENS, GENERATION
    SUMS

cdef int64_t MINUTE_NS = 60_000_000_000

KEY_NAMES = tuple(column.name for column in MEASURE_KEYS[1:])
TOKEN_NAMES = tuple(column.name for column in MEASURE_VALUES[TOKEN_SUMS:COST_SUM])
SOURCES = (*KEY_NAMES, "start_ns", "duration_ns", "status_code", *TOKEN_NAMES, "cost_nano_usd", "ttft_ns", "usage_role")
"""The columns that measures are made from, in the order of the plan."""


cdef enum:
    MAX_CALLS = 16

cdef struct Word:
    const char* text
    size_t size

cdef int OPERATION = KEY_NAMES.index("operation")
cdef int STREAM = KEY_NAMES.index("stream")
cdef int ERROR_TYPE = KEY_NAMES.index("error_type")
cdef list WORDS = [word.encode() for word in semconv.MODEL_CALLS]  # keeps the bytes that CALLS points into
cdef Word[MAX_CALLS] CALLS
cdef int CALL_COUNT = 0
while CALL_COUNT < len(WORDS):
    CALLS[CALL_COUNT].text = PyBytes_AS_STRING(WORDS[CALL_COUNT])
    CALLS[CALL_COUNT].size = PyBytes_GET_SIZE(WORDS[CALL_COUNT])
    CALL_COUNT += 1


cdef struct Groups:
    uint32_t* slots       # hash & mask -> group + 1, 0 empty
    uint32_t mask
    uint32_t* hashes      # by group
    int32_t* firsts       # by group: its first row, which holds its keys
    int64_t* sums         # by group: SUMS of them
    size_t count
    size_t room
    Notes durations
    Notes ttfts
    bint failed           # no memory


cdef inline bint is_valid(const Col* col, Py_ssize_t row) noexcept nogil:
    return (col.validity[row >> 3] >> (row & 7)) & 1


cdef inline int64_t int_at(const Col* col, Py_ssize_t row) noexcept nogil:
    return (<const int64_t*> col.data)[row]


cdef inline void add(int64_t* sum, int64_t value) noexcept nogil:
    # At the ends of 64 bits it stays there.
    if value >= 0:
        sum[0] = INT64_MAX if sum[0] > INT64_MAX - value else sum[0] + value
    else:
        sum[0] = INT64_MIN if sum[0] < INT64_MIN - value else sum[0] + value


cdef inline int64_t minute_of(Table table, Py_ssize_t row) noexcept nogil:
    return int_at(&table.cols[START], row) // MINUTE_NS * MINUTE_NS


cdef bint is_text(const Col* col, Py_ssize_t row, const char* text, size_t size) noexcept nogil:
    cdef size_t at = <size_t> col.offsets[row]
    return (
        is_valid(col, row) and <size_t> col.offsets[row + 1] - at == size and memcmp(col.data + at, text, size) == 0
    )


cdef bint is_counted(Table table, Py_ssize_t row) noexcept nogil:
    # A model call, whose usage is its own.
    cdef int i
    if is_valid(&table.cols[ROLE], row) and not is_text(&table.cols[ROLE], row, b"leaf", 4):
        return False
    for i in range(CALL_COUNT):
        if is_text(&table.cols[OPERATION], row, CALLS[i].text, CALLS[i].size):
            return True
    return False


cdef uint32_t hash_keys(Table table, Py_ssize_t row) noexcept nogil:
    cdef uint64_t total = <uint64_t> minute_of(table, row)
    cdef const Col* col
    cdef uint64_t part
    cdef int i
    for i in range(KEYS):
        col = &table.cols[i]
        part = 1
        if table.plan.column_types[i] == TYPE_STRING:
            part = otlp_hash(col.data + col.offsets[row], <uint32_t> (col.offsets[row + 1] - col.offsets[row]))
        elif table.plan.column_types[i] == TYPE_INT32:
            part = <uint64_t> <int64_t> (<const int32_t*> col.data)[row]
        elif table.plan.column_types[i] == TYPE_BOOL:
            part = (col.data[row >> 3] >> (row & 7)) & 1
        total = (total ^ (part + is_valid(col, row))) * <uint64_t> 0x9E3779B97F4A7C15
        total ^= total >> 29
    return <uint32_t> (total >> 32)


cdef bint same_keys(Table table, Py_ssize_t one, Py_ssize_t two) noexcept nogil:
    cdef const Col* col
    cdef int32_t length
    cdef int i
    if minute_of(table, one) != minute_of(table, two):
        return False
    for i in range(KEYS):
        col = &table.cols[i]
        if is_valid(col, one) != is_valid(col, two):
            return False
        if table.plan.column_types[i] == TYPE_STRING:
            length = col.offsets[one + 1] - col.offsets[one]
            if col.offsets[two + 1] - col.offsets[two] != length or (
                length and memcmp(col.data + col.offsets[one], col.data + col.offsets[two], length)
            ):
                return False
        elif table.plan.column_types[i] == TYPE_INT32:
            if (<const int32_t*> col.data)[one] != (<const int32_t*> col.data)[two]:
                return False
        elif ((col.data[one >> 3] >> (one & 7)) ^ (col.data[two >> 3] >> (two & 7))) & 1:
            return False
    return True


cdef bint grow(Groups* g) noexcept nogil:
    # The table of slots is always at least half empty.
    cdef size_t room = g.room * 2 + 64
    cdef size_t size = 4 * room
    cdef size_t i, slot
    cdef void* fresh = realloc(g.hashes, room * sizeof(uint32_t))
    if fresh == NULL:
        return False
    g.hashes = <uint32_t*> fresh
    fresh = realloc(g.firsts, room * sizeof(int32_t))
    if fresh == NULL:
        return False
    g.firsts = <int32_t*> fresh
    fresh = realloc(g.sums, room * SUMS * sizeof(int64_t))
    if fresh == NULL:
        return False
    g.sums = <int64_t*> fresh
    while size & (size - 1):
        size &= size - 1
    free(g.slots)
    g.slots = <uint32_t*> calloc(size, sizeof(uint32_t))
    if g.slots == NULL:
        return False
    g.mask = <uint32_t> (size - 1)
    g.room = room
    for i in range(g.count):
        slot = g.hashes[i] & g.mask
        while g.slots[slot]:
            slot = (slot + 1) & g.mask
        g.slots[slot] = <uint32_t> (i + 1)
    return True


cdef Py_ssize_t group_of(Groups* g, Table table, Py_ssize_t row) noexcept nogil:
    # -1: no memory.
    cdef uint32_t key_hash = hash_keys(table, row)
    cdef size_t slot, group
    if g.count == g.room and not grow(g):
        g.failed = True
        return -1
    slot = key_hash & g.mask
    while g.slots[slot]:
        group = g.slots[slot] - 1
        if g.hashes[group] == key_hash and same_keys(table, g.firsts[group], row):
            return group
        slot = (slot + 1) & g.mask
    group = g.count
    g.count += 1
    g.slots[slot] = <uint32_t> g.count
    g.hashes[group] = key_hash
    g.firsts[group] = <int32_t> row
    memset(g.sums + SUMS * group, 0, SUMS * sizeof(int64_t))
    return group


cdef void add_row(Groups* g, Table table, Py_ssize_t row, size_t group) noexcept nogil:
    cdef int64_t* sums = g.sums + SUMS * group
    cdef const Col* cols = &table.cols[0]
    cdef int64_t duration = int_at(&cols[DURATION], row)
    cdef int64_t output = int_at(&cols[TOKENS + 1], row)
    cdef int64_t ttft = int_at(&cols[TTFT], row)
    cdef bint has_ttft = is_valid(&cols[TTFT], row)
    cdef bint streamed = (cols[STREAM].data[row >> 3] >> (row & 7)) & 1
    cdef int i
    sums[REQUESTS] += 1
    sums[ERRORS] += cols[STATUS].data[row] == 2 or is_valid(&cols[ERROR_TYPE], row)
    for i in range(USAGE_FIELDS):  # null is 0
        add(&sums[TOKEN_SUMS + i], int_at(&cols[TOKENS + i], row))
    if is_valid(&cols[COST], row):
        add(&sums[COST_SUM], int_at(&cols[COST], row))
    elif is_valid(&cols[TOKENS], row) or is_valid(&cols[TOKENS + 1], row):
        sums[UNPRICED] += 1
    add(&sums[DURATION_SUM], duration)
    note(&g.durations, <uint32_t> group, duration)
    if has_ttft:
        sums[TTFT_COUNT] += 1
        add(&sums[TTFT_SUM], ttft)
        note(&g.ttfts, <uint32_t> group, ttft)
    if output and duration > ttft and (has_ttft or not streamed):
        add(&sums[GENERATION_TOKENS], output)
        add(&sums[GENERATION], duration - ttft)


cdef void add_rows(SpanBatch batch, Table table, const uint8_t* measured, Groups* g) noexcept nogil:
    cdef Py_ssize_t row, group
    g.durations.values = <uint64_t*> malloc(batch.row_count * sizeof(uint64_t) + 1)
    g.ttfts.values = <uint64_t*> malloc(batch.row_count * sizeof(uint64_t) + 1)
    g.failed = g.durations.values == NULL or g.ttfts.values == NULL
    for row in range(batch.row_count):
        if g.failed:
            return
        if not measured[batch.scopes[batch.rows[row].head.scope].resource] and is_counted(table, row):
            group = group_of(g, table, row)
            if group >= 0:
                add_row(g, table, row, <size_t> group)


cdef uint8_t* measured_resources(SpanBatch batch) except NULL:
    # By resource: 1 when its sender measures by itself.
    cdef uint8_t* out = <uint8_t*> calloc(batch.resource_count + 1, 1)
    cdef uint16_t key_id = <uint16_t> batch.keys.id(semconv.MEASURED)
    cdef const Attr* attr
    cdef Py_ssize_t i
    cdef uint32_t k
    if out == NULL:
        raise MemoryError
    for i in range(batch.resource_count):
        for k in range(batch.resources[i].attrs_count):
            attr = &batch.attrs[batch.resources[i].attrs + k]
            if key_id and attr.key_id == key_id and attr.type == VALUE_BOOL and attr.value.i64:
                out[i] = 1
    return out


cdef object key_column(Table table, const Groups* g, int place):
    # The key's value in the first row of each group.
    cdef const Col* col = &table.cols[place]
    cdef Py_ssize_t count = <Py_ssize_t> g.count
    cdef Py_ssize_t bits = (count + 7) // 8
    cdef int type = table.plan.column_types[place]
    cdef Memory validity = take_memory(<uint8_t*> calloc(bits + 1, 1), bits)
    cdef Memory offsets = None
    cdef Memory data
    cdef size_t size = 4 * count if type == TYPE_INT32 else bits
    cdef Py_ssize_t valid = 0
    cdef Py_ssize_t i, row
    if type == TYPE_STRING:
        offsets = take_memory(<uint8_t*> calloc(count + 1, 4), 4 * (count + 1))
        size = 0
        for i in range(count):
            size += col.offsets[g.firsts[i] + 1] - col.offsets[g.firsts[i]]
            (<int32_t*> offsets.data)[i + 1] = <int32_t> size
    data = take_memory(<uint8_t*> calloc(size + 1, 1), size)
    with nogil:
        for i in range(count):
            row = g.firsts[i]
            if is_valid(col, row):
                validity.data[i >> 3] |= <uint8_t> (1 << (i & 7))
                valid += 1
            if type == TYPE_STRING:
                size = col.offsets[row + 1] - col.offsets[row]
                if size:
                    memcpy(data.data + (<int32_t*> offsets.data)[i], col.data + col.offsets[row], size)
            elif type == TYPE_INT32:
                (<int32_t*> data.data)[i] = (<const int32_t*> col.data)[row]
            elif (col.data[row >> 3] >> (row & 7)) & 1:
                data.data[i >> 3] |= <uint8_t> (1 << (i & 7))
    return make_arrow(
        table.plan.types[place], count, count - valid, memoryview(validity) if valid < count else None,
        None if offsets is None else memoryview(offsets), memoryview(data),
    )


cdef object int_column(const int64_t* values, size_t step, size_t count):
    cdef Memory data = take_memory(<uint8_t*> malloc(8 * count + 1), 8 * count)
    cdef size_t i
    for i in range(count):
        (<int64_t*> data.data)[i] = values[step * i]
    return make_arrow("int64", count, 0, None, None, memoryview(data))


cdef dict arrows_of(Table table, Groups* g):
    cdef dict out = {}
    cdef Memory minutes = take_memory(<uint8_t*> malloc(8 * g.count + 1), 8 * g.count)
    cdef size_t i
    cdef int place
    for i in range(g.count):
        (<int64_t*> minutes.data)[i] = minute_of(table, g.firsts[i])
    out["minute_ns"] = int_column(<const int64_t*> minutes.data, 1, g.count)
    for place in range(KEYS):
        out[KEY_NAMES[place]] = key_column(table, g, place)
    for place in range(SUMS):
        out[MEASURE_VALUES[place].name] = int_column(g.sums + place, SUMS, g.count)
    out["duration_hist_index"], out["duration_hist_count"] = take_histograms(&g.durations, g.count)
    out["ttft_hist_index"], out["ttft_hist_count"] = take_histograms(&g.ttfts, g.count)
    return out


cdef class MeasureBatch:
    """Rows of measures."""
    cdef dict arrows
    cdef Py_ssize_t count

    def __init__(self):
        raise TypeError("expected SpanBatch.measures(), got MeasureBatch(); they are made by it")

    def __len__(self):
        return self.count

    def columns(self):
        """Every key and value column; a histogram as `<name>_index` and `<name>_count`."""
        return dict(self.arrows)


cdef Plan _plan = None


cdef Plan plan_of(KeyTable keys):
    global _plan
    if _plan is None or _plan.keys is not keys:
        by_name = {column.name: column for column in SPAN_COLUMNS}
        _plan = make_plan(keys, [by_name[name] for name in SOURCES])
    return _plan


def read_measures(SpanBatch batch not None):
    """See `SpanBatch.measures`."""
    cdef MeasureBatch out = MeasureBatch.__new__(MeasureBatch)
    cdef Table table = fill_table(batch, plan_of(batch.keys))
    cdef uint8_t* measured = measured_resources(batch)
    cdef Groups g
    memset(&g, 0, sizeof(Groups))
    try:
        with nogil:
            add_rows(batch, table, measured, &g)
        if g.failed:
            raise MemoryError
        out.count = <Py_ssize_t> g.count
        out.arrows = arrows_of(table, &g)
        return out
    finally:
        free(measured)
        free(g.slots)
        free(g.hashes)
        free(g.firsts)
        free(g.sums)
        free(g.durations.values)
        free(g.ttfts.values)
