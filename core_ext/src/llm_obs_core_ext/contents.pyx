"""Content taken apart into messages; the rules are in `contents.pyi`."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT32_MAX, int8_t, int32_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from llm_obs_core_ext.arrow cimport Arrow, make_arrow, take_memory
from llm_obs_core_ext.batch cimport *
from llm_obs_core_ext.jsontext cimport *
from llm_obs_core_ext.slots cimport content_slots
from llm_obs_core_ext.wire cimport *
from llm_obs_core_ext.writer cimport *

from llm_obs_core.errors import LimitError
from llm_obs_core.model import CONTENT_SLOTS


cdef extern from "json.h" nogil:
    struct json_items:
        uint32_t* places
        size_t count
    int json_array(const uint8_t* p, size_t n, json_items* out)


cdef extern from "blake2b.h" nogil:
    struct blake2b:
        pass
    void blake2b_start(blake2b* s, const uint8_t* key, uint32_t key_size, uint32_t digest_size)
    void blake2b_digest(const blake2b* s, const uint8_t* text, size_t size, uint8_t* out)


cdef enum:
    SLOTS = 8
    DIGEST = 16       # bytes
    FEW = 16          # an array with more elements is split only when they have as many bytes on average

assert len(CONTENT_SLOTS) == SLOTS
cdef uint8_t[SLOTS] IS_LIST = [name in ("input", "output", "system", "tools", "documents") for name, _ in CONTENT_SLOTS]


cdef struct Messages:
    int32_t* rows
    int8_t* slots
    int32_t* indexes
    int32_t* offsets   # count + 1
    uint8_t* digests
    size_t count
    size_t room
    Bytes bodies
    json_items items   # of the text at hand
    Writer canonical   # of the value at hand
    bint failed        # no memory
    bint full          # bodies over 2 GiB


cdef bint grow(Messages* m) noexcept nogil:
    cdef size_t room = m.room * 2 + 256
    cdef void* fresh = realloc(m.rows, room * sizeof(int32_t))
    if fresh == NULL:
        return False
    m.rows = <int32_t*> fresh
    fresh = realloc(m.slots, room)
    if fresh == NULL:
        return False
    m.slots = <int8_t*> fresh
    fresh = realloc(m.indexes, room * sizeof(int32_t))
    if fresh == NULL:
        return False
    m.indexes = <int32_t*> fresh
    fresh = realloc(m.offsets, (room + 1) * sizeof(int32_t))
    if fresh == NULL:
        return False
    m.offsets = <int32_t*> fresh
    m.offsets[0] = 0
    m.room = room
    return True


cdef void end_message(Messages* m, Py_ssize_t row, int slot, size_t index) noexcept nogil:
    # What was added to the bodies since the last one is a message.
    m.full |= m.bodies.used > INT32_MAX
    m.failed |= m.bodies.failed or m.count == m.room and not grow(m)
    if m.full or m.failed:
        return
    m.rows[m.count] = <int32_t> row
    m.slots[m.count] = <int8_t> slot
    m.indexes[m.count] = <int32_t> index
    m.count += 1
    m.offsets[m.count] = <int32_t> m.bodies.used


cdef void add_text(Messages* m, const uint8_t* text, uint32_t length, Py_ssize_t row, int slot) noexcept nogil:
    cdef int is_array = json_array(text, length, &m.items) if IS_LIST[slot] else 0
    cdef size_t i
    m.failed |= is_array < 0
    if is_array > 0 and (m.items.count <= FEW or length // m.items.count >= FEW):
        for i in range(m.items.count):
            add_bytes(&m.bodies, text + m.items.places[2 * i], m.items.places[2 * i + 1] - m.items.places[2 * i])
            end_message(m, row, slot, i)
    else:
        add_bytes(&m.bodies, text, length)
        end_message(m, row, slot, 0)


cdef void add_value(
    Messages* m, const Source* source, const Attr* attr, Py_ssize_t row, int slot
) noexcept nogil:
    # A value that is no string: canonical first, so that a shadowed key or member is not seen.
    cdef Writer* w = &m.canonical
    cdef const uint8_t* base
    cdef uint32_t at = 0
    cdef uint32_t end
    cdef size_t index = 0
    cdef Field entry, f
    w.used = 0
    w.source = source
    next_field(source.base, attr.entry_at, attr.entry_end, 100, &entry)
    push_message(w, M_KEYVALUE, entry.at, entry.end)
    m.failed |= w.failed
    if m.failed:
        return
    base = w.data + w.room - w.used
    end = <uint32_t> w.used
    while at < end:
        next_field(base, at, end, 100, &entry)
        at = entry.end
        if entry.number == 2 and entry.end > entry.at:
            if attr.type != VALUE_ARRAY or not IS_LIST[slot]:
                add_json(&m.bodies, base, entry.at, entry.end)
                end_message(m, row, slot, 0)
                continue
            next_field(base, entry.at, entry.end, 100, &entry)
            at = entry.at
            end = entry.end
            while at < end:
                next_field(base, at, end, 100, &f)
                at = f.end
                add_json(&m.bodies, base, f.at, f.end)
                end_message(m, row, slot, index)
                index += 1


cdef void take_apart(SpanBatch batch, const uint8_t* slots, Source* sources, Messages* m) noexcept nogil:
    cdef const Attr* found[SLOTS]
    cdef const SpanRow* row
    cdef const Attr* attr
    cdef Py_ssize_t i
    cdef uint32_t k
    cdef int slot
    for i in range(batch.buffer_count):
        sources[i].base = batch.bases[i]
    for i in range(batch.row_count):
        row = &batch.rows[i]
        memset(found, 0, sizeof(found))
        for k in range(row.head.attrs_count):
            attr = &batch.attrs[row.head.attrs + k]
            if slots[attr.key_id]:
                found[slots[attr.key_id] - 1] = attr
        for slot in range(SLOTS):
            attr = found[slot]
            if attr == NULL or attr.type == VALUE_NONE:
                continue
            if attr.type == VALUE_STRING:
                add_text(m, sources[row.head.buffer].base + attr.value.text.at, attr.value.text.length, i, slot)
            else:
                add_value(m, &sources[row.head.buffer], attr, i, slot)
        if m.failed or m.full:
            return


cdef void digest_all(Messages* m, const blake2b* state) noexcept nogil:
    cdef size_t i
    m.digests = <uint8_t*> malloc(m.count * DIGEST + 1)
    m.failed |= m.digests == NULL
    if not m.failed:
        for i in range(m.count):
            blake2b_digest(
                state, m.bodies.data + m.offsets[i], m.offsets[i + 1] - m.offsets[i], m.digests + DIGEST * i
            )


cdef object shrunk(void** data, size_t size):
    # A view of the array's first bytes, which it takes over.
    cdef void* kept = realloc(data[0], size + 1)
    if kept == NULL:
        raise MemoryError
    data[0] = NULL
    return memoryview(take_memory(<uint8_t*> kept, size))


cdef class ContentBatch:
    """The messages of a batch."""
    cdef dict arrows
    cdef Py_ssize_t count

    def __init__(self):
        raise TypeError("expected SpanBatch.contents(key), got ContentBatch(); they are made by it")

    def __len__(self):
        return self.count

    def columns(self):
        """`row`, `slot`, `index`, `digest` and `body`."""
        return dict(self.arrows)


cdef ContentBatch take_messages(Messages* m):
    cdef ContentBatch out = ContentBatch.__new__(ContentBatch)
    cdef Py_ssize_t n = <Py_ssize_t> m.count
    if m.room == 0 and not grow(m):
        raise MemoryError
    out.count = n
    out.arrows = {
        "row": make_arrow("int32", n, 0, None, None, shrunk(<void**> &m.rows, 4 * n)),
        "slot": make_arrow("int8", n, 0, None, None, shrunk(<void**> &m.slots, n)),
        "index": make_arrow("int32", n, 0, None, None, shrunk(<void**> &m.indexes, 4 * n)),
        "digest": make_arrow("fixed16", n, 0, None, None, shrunk(<void**> &m.digests, DIGEST * n)),
        "body": make_arrow(
            "string", n, 0, None, shrunk(<void**> &m.offsets, 4 * (n + 1)),
            shrunk(<void**> &m.bodies.data, m.bodies.used),
        ),
    }
    return out


def read_contents(SpanBatch batch not None, key not None):
    """See `SpanBatch.contents`."""
    cdef Messages m
    cdef blake2b state
    cdef Py_buffer view
    cdef uint8_t* slots = content_slots(batch.keys)
    cdef Source* sources = NULL
    memset(&m, 0, sizeof(Messages))
    try:
        PyObject_GetBuffer(key, &view, PyBUF_SIMPLE)
        try:
            if not 16 <= view.len <= 64:
                raise ValueError(f"expected a key of 16 to 64 bytes, got {view.len}")
            blake2b_start(&state, <const uint8_t*> view.buf, <uint32_t> view.len, DIGEST)
        finally:
            PyBuffer_Release(&view)
        sources = <Source*> calloc(batch.buffer_count + 1, sizeof(Source))
        if sources == NULL:
            raise MemoryError
        with nogil:
            take_apart(batch, slots, sources, &m)
            if not m.failed and not m.full:
                digest_all(&m, &state)
        if m.full:
            raise LimitError(
                "less than 2 GiB of content", got="more", where=f"a batch of {batch.row_count} spans",
                fix="split the batch",
            )
        if m.failed:
            raise MemoryError
        return take_messages(&m)
    finally:
        free(slots)
        free(sources)
        free(m.rows)
        free(m.slots)
        free(m.indexes)
        free(m.offsets)
        free(m.digests)
        free(m.bodies.data)
        free(m.items.places)
        free(m.canonical.data)
        free(m.canonical.items)
