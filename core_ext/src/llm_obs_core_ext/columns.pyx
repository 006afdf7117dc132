"""Rows as Arrow columns, in one pass without Python; the rules are in `columns.pyi`."""

from libc.stdint cimport INT32_MAX, INT32_MIN, INT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from llm_obs_core_ext.arrow cimport Memory, make_arrow, take_memory
from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.typed cimport attr_int, attr_nanoseconds, int_digits
from llm_obs_core_ext.usage cimport *
from llm_obs_core_ext.wire cimport *

from llm_obs_core import semconv
from llm_obs_core.errors import LimitError
from llm_obs_core.model import SPAN_COLUMNS
from llm_obs_core.pricing.usage import COUNT_KEYS

cdef enum:  # places in Plan.fixed, in the order of FIXED_NAMES
    FIELD_TRACE_ID, FIELD_SPAN_ID, FIELD_PARENT, FIELD_NAME, FIELD_KIND, FIELD_START, FIELD_DURATION, FIELD_STATUS
    FIELD_STATUS_MESSAGE, FIELD_SCOPE_NAME

cdef enum:
    FULL = 1       # text over 2 GiB
    EXHAUSTED = 2  # no memory

cdef enum:
    OLDER = 0x80   # Plan.resource_texts: read only when the current name is not there

# Resources are not seen by the normaliser, whose operations are on spans.
OLDER_RESOURCE_KEYS = {semconv.DEPLOYMENT_ENVIRONMENT_NAME: "deployment.environment"}

cdef tuple FIXED_NAMES = (
    "trace_id", "span_id", "parent_span_id", "name", "kind", "start_ns", "duration_ns", "status_code",
    "status_message", "scope_name",
)
cdef tuple USAGE_NAMES = (
    "input_tokens", "output_tokens", "input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "audio_in",
    "image_in", "output_text", "output_reasoning", "audio_out",
)
cdef uint32_t[11] USAGE_MASKS = [
    INPUT_SIDE, OUTPUT_SIDE, INPUT_SIDE, 1 << COUNT_CACHE_READ, 1 << COUNT_CACHE_WRITE, 1 << COUNT_CACHE_WRITE_1H,
    1 << COUNT_AUDIO_IN, 1 << COUNT_IMAGE_IN, OUTPUT_SIDE, 1 << COUNT_REASONING, 1 << COUNT_AUDIO_OUT,
]
cdef tuple TYPE_NAMES = ("string", "int64", "int32", "int8", "bool", "fixed16", "fixed8")
cdef int[7] WIDTHS = [0, 8, 4, 1, 0, 16, 8]


cdef struct Text:
    const uint8_t* at  # NULL: null
    size_t length


cdef class Plan:
    def __dealloc__(self):
        free(self.sources)
        free(self.resource_texts)


cdef Plan make_plan(KeyTable keys, columns):
    cdef Plan plan = Plan.__new__(Plan)
    cdef int i, kind
    cdef int place
    plan.keys = keys
    plan.names = tuple([column.name for column in columns])
    plan.types = tuple([column.type for column in columns])
    plan.sources = <Source*> calloc(keys.count + 1, sizeof(Source))
    plan.resource_texts = <uint8_t*> calloc(keys.count + 1, 1)
    if plan.sources == NULL or plan.resource_texts == NULL:
        raise MemoryError
    for i in range(FIXED_FIELDS):
        plan.fixed[i] = -1
    for i, column in enumerate(columns):
        plan.column_types[i] = <uint8_t> TYPE_NAMES.index(column.type)
        place = i
        if plan.column_types[i] == TYPE_STRING:
            place = plan.text_count
            plan.text_columns[place] = <uint8_t> i
            plan.text_count += 1
        scheme, _, field = column.source.rpartition(":")
        if column.name in USAGE_NAMES:
            plan.usage_columns[plan.usage_count] = <uint8_t> i
            plan.usage_fields[plan.usage_count] = <uint8_t> USAGE_NAMES.index(column.name)
            plan.usage_masks[plan.usage_count] = USAGE_MASKS[plan.usage_fields[plan.usage_count]]
            plan.usage_count += 1
        elif scheme == "span":
            plan.fixed[<int> FIXED_NAMES.index(field)] = place
        elif scheme == "resource":
            plan.resource_texts[<int> keys.id(field)] = <uint8_t> (place + 1)
            if field in OLDER_RESOURCE_KEYS:
                plan.resource_texts[<int> keys.id(OLDER_RESOURCE_KEYS[field])] = <uint8_t> (OLDER | place + 1)
        else:
            kind = {"string": FROM_TEXT, "int64": FROM_INT, "int32": FROM_INT32, "bool": FROM_BOOL}[column.type]
            if field == semconv.RESPONSE_TIME_TO_FIRST_CHUNK:
                kind = FROM_SECONDS
            elif field == semconv.RESPONSE_FINISH_REASONS:
                kind = FROM_FIRST_TEXT
            plan.sources[<int> keys.id(field)] = Source(<uint8_t> kind, <uint8_t> place)
        plan.count += 1
    if plan.usage_count:
        for place, key in enumerate(COUNT_KEYS):
            plan.sources[<int> keys.id(key)] = Source(FROM_COUNT, <uint8_t> place)
    # Keys that a table of a user's own lacks have id 0, as unknown ones have: nothing is read from those.
    plan.sources[0].kind = FROM_NOTHING
    plan.resource_texts[0] = 0
    return plan


cdef class Table:
    def __dealloc__(self):
        cdef int i
        if self.plan is not None:
            for i in range(self.plan.text_count):
                free(self.cols[self.plan.text_columns[i]].data)

    cdef dict arrows(self):
        cdef dict out = {}
        cdef Col* col
        cdef Py_ssize_t nulls, at
        cdef Py_ssize_t bits = (self.rows + 7) // 8
        cdef uint8_t* text
        cdef int i
        view = memoryview(self.block)
        for i in range(self.plan.count):
            col = &self.cols[i]
            nulls = self.rows - col.valid
            at = col.validity - self.block.data
            validity = view[at:at + bits] if nulls else None
            if self.plan.column_types[i] == TYPE_STRING:
                at = <uint8_t*> col.offsets - self.block.data
                offsets = view[at:at + 4 * (self.rows + 1)]
                text = <uint8_t*> realloc(col.data, col.used + 1)
                if text == NULL:
                    raise MemoryError
                col.data = NULL
                data = memoryview(take_memory(text, col.used))
            else:
                at = col.data - self.block.data
                offsets = None
                data = view[at:at + (WIDTHS[self.plan.column_types[i]] * self.rows or bits)]
            out[self.plan.names[i]] = make_arrow(self.plan.types[i], self.rows, nulls, validity, offsets, data)
        return out


cdef size_t padded(size_t size) noexcept nogil:
    return (size + 63) & ~<size_t> 63


cdef Table make_table(Plan plan, Py_ssize_t rows):
    # 64 bytes each column is aligned to, as Arrow asks.
    cdef Table table = Table.__new__(Table)
    cdef size_t bits = padded((rows + 7) // 8)
    cdef size_t size = 64
    cdef uint8_t* at
    cdef Col* col
    cdef int i, width
    table.plan = plan
    table.rows = rows
    for i in range(plan.count):
        width = WIDTHS[plan.column_types[i]]
        size += bits + padded(4 * (rows + 1) if plan.column_types[i] == TYPE_STRING else width * rows or bits)
    table.block = take_memory(<uint8_t*> calloc(size, 1), size)
    at = <uint8_t*> padded(<size_t> table.block.data)
    for i in range(plan.count):
        col = &table.cols[i]
        width = WIDTHS[plan.column_types[i]]
        col.validity = at
        at += bits
        if plan.column_types[i] == TYPE_STRING:
            col.offsets = <int32_t*> at
            at += padded(4 * (rows + 1))
        else:
            col.data = at
            at += padded(width * rows or bits)
    return table


cdef inline void set_bit(uint8_t* bits, Py_ssize_t row) noexcept nogil:
    bits[row >> 3] |= <uint8_t> (1 << (row & 7))


cdef inline void set_int64(Col* col, Py_ssize_t row, int64_t value) noexcept nogil:
    (<int64_t*> col.data)[row] = value
    set_bit(col.validity, row)
    col.valid += 1


cdef inline int append(Col* col, Py_ssize_t row, const Text* text) noexcept nogil:
    # The row's text, after those of the rows before it. A Fault, or 0.
    cdef size_t room
    cdef void* fresh
    set_bit(col.validity, row)
    col.valid += 1
    if text.length == 0:
        return 0
    if text.length > col.room - col.used:
        if text.length > INT32_MAX - col.used:
            return FULL
        room = min(col.room * 2 + text.length + 512, <size_t> INT32_MAX)
        fresh = realloc(col.data, room)
        if fresh == NULL:
            return EXHAUSTED
        col.data = <uint8_t*> fresh
        col.room = room
    memcpy(col.data + col.used, text.at, text.length)
    col.used += text.length
    return 0


cdef inline void take_text(const uint8_t* base, const Attr* attr, char* digits, Text* out) noexcept nogil:
    # A string, or an int as its digits; nothing of another type.
    if attr.type == VALUE_STRING:
        out.at = base + attr.value.text.at
        out.length = attr.value.text.length
    elif attr.type == VALUE_INT:
        out.at = <const uint8_t*> digits
        out.length = int_digits(attr.value.i64, digits)


cdef bint first_text(const uint8_t* base, const Attr* attr, Text* out) noexcept nogil:
    # A string, or the first item of an array when that is a string.
    cdef uint32_t pos = attr.value.text.at
    cdef uint32_t end = pos + attr.value.text.length
    cdef Field item
    cdef Field f
    cdef int kind
    if attr.type == VALUE_STRING:
        out.at = base + pos
        out.length = attr.value.text.length
        return True
    if attr.type != VALUE_ARRAY:
        return False
    while pos < end:
        next_field(base, pos, end, 100, &item)
        pos = item.end
        if item.number != 1 or item.wire != 2:
            continue
        pos = item.at
        out.at = NULL
        while pos < item.end:
            next_field(base, pos, item.end, 100, &f)
            pos = f.end
            kind = otlp_kind(M_ANYVALUE, f.number, f.wire)
            if kind == K_STRING:
                out.at = base + f.at
                out.length = f.end - f.at
            elif kind != K_UNKNOWN:
                out.at = NULL
        return out.at != NULL
    return False


cdef void fixed_fields(
    Table table, Plan plan, const SpanRow* row, const uint8_t* base, Text* texts, Py_ssize_t i
) noexcept nogil:
    cdef int place = plan.fixed[FIELD_TRACE_ID]
    cdef uint64_t start = row.start_ns if row.start_ns < <uint64_t> INT64_MAX else <uint64_t> INT64_MAX
    cdef uint64_t duration = row.end_ns - row.start_ns if row.end_ns > row.start_ns else 0
    cdef uint64_t parent
    if place >= 0:
        memcpy(table.cols[place].data + 16 * i, row.trace_id, 16)
        table.cols[place].valid += 1
    place = plan.fixed[FIELD_SPAN_ID]
    if place >= 0:
        memcpy(table.cols[place].data + 8 * i, row.span_id, 8)
        table.cols[place].valid += 1
    place = plan.fixed[FIELD_PARENT]
    if place >= 0:
        memcpy(&parent, row.parent_id, 8)
        if parent:
            set_int64(&table.cols[place], i, <int64_t> parent)
    place = plan.fixed[FIELD_START]
    if place >= 0:
        set_int64(&table.cols[place], i, <int64_t> start)
    place = plan.fixed[FIELD_DURATION]
    if place >= 0:
        set_int64(&table.cols[place], i, <int64_t> min(duration, <uint64_t> INT64_MAX))
    place = plan.fixed[FIELD_KIND]
    if place >= 0:
        table.cols[place].data[i] = <uint8_t> row.kind if -128 <= row.kind <= 127 else 0
        table.cols[place].valid += 1
    place = plan.fixed[FIELD_STATUS]
    if place >= 0:
        table.cols[place].data[i] = <uint8_t> row.status_code if -128 <= row.status_code <= 127 else 0
        table.cols[place].valid += 1
    place = plan.fixed[FIELD_NAME]
    if place >= 0:
        texts[place].at = base + row.name.at
        texts[place].length = row.name.length
    place = plan.fixed[FIELD_STATUS_MESSAGE]
    if place >= 0 and row.status_message.length:
        texts[place].at = base + row.status_message.at
        texts[place].length = row.status_message.length


cdef void envelope_texts(
    SpanBatch batch, Plan plan, const ScopeRow* scope, char* digits, Text* texts
) noexcept nogil:
    # What the rows of one scope share.
    cdef const ResourceRow* resource = &batch.resources[scope.resource]
    cdef const uint8_t* base = batch.bases[resource.buffer]
    cdef const Attr* attr
    cdef int place = plan.fixed[FIELD_SCOPE_NAME]
    cdef uint32_t k
    memset(texts, 0, plan.text_count * sizeof(Text))
    if place >= 0 and scope.name.length:
        texts[place].at = batch.bases[scope.buffer] + scope.name.at
        texts[place].length = scope.name.length
    for k in range(resource.attrs_count):
        attr = &batch.attrs[resource.attrs + k]
        place = (plan.resource_texts[attr.key_id] & ~OLDER) - 1
        if place >= 0 and (texts[place].at == NULL or not plan.resource_texts[attr.key_id] & OLDER):
            take_text(base, attr, &digits[20 * place], &texts[place])


cdef int fill_rows(SpanBatch batch, Plan plan, Table table) noexcept nogil:
    cdef Text shared[MAX_COLUMNS]         # of the current scope and its resource
    cdef Text texts[MAX_COLUMNS]
    cdef char shared_digits[MAX_COLUMNS][20]
    cdef char digits[MAX_COLUMNS][20]     # ints of the row that stand in text columns
    cdef Usage usage
    cdef Py_ssize_t i
    cdef uint32_t scope = <uint32_t> -1
    cdef const SpanRow* row
    cdef const Attr* attr
    cdef const uint8_t* base
    cdef const Source* source
    cdef Col* col
    cdef int64_t number
    cdef uint32_t k
    cdef int n, fault
    for i in range(batch.row_count):
        row = &batch.rows[i]
        base = batch.bases[row.head.buffer]
        if row.head.scope != scope:
            scope = row.head.scope
            envelope_texts(batch, plan, &batch.scopes[scope], &shared_digits[0][0], shared)
        memcpy(texts, shared, plan.text_count * sizeof(Text))
        fixed_fields(table, plan, row, base, texts, i)
        usage.present = 0
        for k in range(row.head.attrs_count):
            attr = &batch.attrs[row.head.attrs + k]
            source = &plan.sources[attr.key_id]
            if source.kind == FROM_NOTHING:
                continue
            if source.kind == FROM_TEXT:
                take_text(base, attr, digits[source.place], &texts[source.place])
            elif source.kind == FROM_COUNT:
                add_count(&usage, source.place, base, attr)
            elif source.kind == FROM_INT:
                if attr_int(base, attr, &number):
                    set_int64(&table.cols[source.place], i, number)
            elif source.kind == FROM_SECONDS:
                if attr_nanoseconds(attr, &number):
                    set_int64(&table.cols[source.place], i, number)
            elif source.kind == FROM_FIRST_TEXT:
                if not first_text(base, attr, &texts[source.place]):
                    texts[source.place].at = NULL
            elif source.kind == FROM_INT32:
                if attr_int(base, attr, &number) and INT32_MIN <= number <= INT32_MAX:
                    col = &table.cols[source.place]
                    (<int32_t*> col.data)[i] = <int32_t> number
                    set_bit(col.validity, i)
                    col.valid += 1
            elif source.kind == FROM_BOOL and attr.type == VALUE_BOOL:
                col = &table.cols[source.place]
                if attr.value.i64:
                    set_bit(col.data, i)
                set_bit(col.validity, i)
                col.valid += 1
        if usage.present:
            settle(&usage)
            for n in range(plan.usage_count):
                if usage.present & plan.usage_masks[n]:
                    set_int64(&table.cols[plan.usage_columns[n]], i, (&usage.input_tokens)[plan.usage_fields[n]])
        for n in range(plan.text_count):
            col = &table.cols[plan.text_columns[n]]
            if texts[n].at != NULL:
                fault = append(col, i, &texts[n])
                if fault:
                    return fault
            col.offsets[i + 1] = <int32_t> col.used
    return 0


cdef Table fill_table(SpanBatch batch, Plan plan):
    cdef Table table = make_table(plan, batch.row_count)
    cdef int fault
    with nogil:
        fault = fill_rows(batch, plan, table)
    if fault == FULL:
        raise LimitError(
            "less than 2 GiB of text in one column", got="more", where=f"a batch of {batch.row_count} spans",
            fix="split the batch",
        )
    if fault:
        raise MemoryError
    return table


cdef Plan _plan = None


def read_columns(SpanBatch batch not None):
    """See `SpanBatch.columns`."""
    global _plan
    if _plan is None or _plan.keys is not batch.keys:
        _plan = make_plan(batch.keys, SPAN_COLUMNS)
    return fill_table(batch, _plan).arrows()
