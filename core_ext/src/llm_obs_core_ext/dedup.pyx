"""Spans already seen: which rows of a batch are new, within bounded memory."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

from llm_obs_core_ext.batch cimport SpanBatch, SpanRow

import os
from typing import NamedTuple

cdef extern from "dedup.h" nogil:
    ctypedef struct DedupSlot:
        uint64_t id
        uint64_t rest
    ctypedef struct DedupTable:
        DedupSlot* slots
        size_t size
        size_t used
    ctypedef struct Dedup:
        DedupTable current
        DedupTable previous
        size_t full
        uint64_t evicted
    enum:
        DEDUP_START_SLOTS
        DEDUP_ID_BITS
    DedupSlot* dedup_alloc(size_t size)
    void dedup_free(DedupTable* table)
    void dedup_siphash(const uint64_t* key, const uint8_t* p, size_t n, uint64_t* out)
    uint64_t dedup_facts(const uint64_t* secret, const uint8_t* p, size_t n)
    void dedup_prefetch(const Dedup* index, uint64_t id)
    uint8_t dedup_mark(Dedup* index, uint64_t id, uint64_t rest)

__all__ = ["MIN_BYTES", "DedupIndex", "Marks", "siphash128"]


cdef enum:
    # Rows whose slots are fetched before the first of them is looked at: a miss of the caches takes as long as ten rows.
    AHEAD = 32
    LEAST_BYTES = 4096

MIN_BYTES = LEAST_BYTES


class Marks(NamedTuple):
    """What `DedupIndex.mark` found; see `dedup.pyi`."""

    mask: object
    duplicates: int
    replaced: int


def siphash128(bytes key not None, bytes data not None):
    """SipHash-2-4-128 as bytes: what identities are made with, for tests."""
    cdef uint64_t words[2]
    cdef uint64_t out[2]
    if len(key) != sizeof(words):
        raise ValueError(f"expected a key of 16 bytes, got {len(key)}")
    memcpy(words, PyBytes_AS_STRING(key), sizeof(words))
    dedup_siphash(words, <const uint8_t*> PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data), out)
    return (<const char*> out)[:sizeof(out)]


cdef class DedupIndex:
    """Knows spans that were marked before; see `dedup.pyi`."""

    cdef Dedup index
    cdef uint64_t seed[6]  # two words for identities, four for facts
    cdef bint busy
    cdef readonly size_t max_bytes

    def __cinit__(self, max_bytes):
        cdef bytes seed = os.urandom(sizeof(self.seed))
        if max_bytes < LEAST_BYTES:
            raise ValueError(f"expected at least {LEAST_BYTES} bytes, got max_bytes={max_bytes}; give it more")
        self.max_bytes = max_bytes
        memcpy(self.seed, PyBytes_AS_STRING(seed), sizeof(self.seed))
        self.index.full = self.max_bytes // 2 // sizeof(DedupSlot)

    def __dealloc__(self):
        dedup_free(&self.index.current)
        dedup_free(&self.index.previous)

    @property
    def entries(self):
        """Spans that it knows."""
        return self.index.current.used + self.index.previous.used

    @property
    def evicted(self):
        """Spans that it has forgotten because there was no room."""
        return self.index.evicted

    @property
    def nbytes(self):
        """Bytes that it takes now, at most `max_bytes`."""
        return (self.index.current.size + self.index.previous.size) * sizeof(DedupSlot)

    def mark(self, SpanBatch batch not None, bytes tenant not None):
        """Marks the rows of a batch, in order; see `dedup.pyi`."""
        cdef bytes mask = PyBytes_FromStringAndSize(NULL, batch.row_count)
        cdef uint8_t* marks = <uint8_t*> PyBytes_AS_STRING(mask)
        cdef uint64_t key[2]
        cdef Py_ssize_t counts[3]
        if self.busy:
            raise RuntimeError("expected one thread at a time in mark(), got two; give each its own index")
        if self.index.current.slots == NULL:
            self.begin()
        dedup_siphash(self.seed, <const uint8_t*> PyBytes_AS_STRING(tenant), PyBytes_GET_SIZE(tenant), key)
        self.busy = True
        with nogil:
            mark_rows(&self.index, batch, key, self.seed + 2, marks, counts)
        self.busy = False
        return Marks(mask if counts[0] + counts[2] else None, counts[0], counts[2])

    cdef int begin(self) except -1:
        cdef size_t size = min(<size_t> DEDUP_START_SLOTS, self.index.full)
        self.index.current.slots = dedup_alloc(size)
        if self.index.current.slots == NULL:
            raise MemoryError
        self.index.current.size = size
        return 0


cdef void mark_rows(
    Dedup* index, SpanBatch batch, const uint64_t* key, const uint64_t* secret, uint8_t* marks, Py_ssize_t* counts
) noexcept nogil:
    cdef uint64_t ids[AHEAD]
    cdef uint64_t rests[AHEAD]
    cdef uint64_t mixed[2]
    cdef uint8_t name[24]
    cdef SpanRow* row
    cdef Py_ssize_t first = 0, i, count
    counts[0], counts[1], counts[2] = 0, 0, 0
    while first < batch.row_count:
        count = min(<Py_ssize_t> AHEAD, batch.row_count - first)
        for i in range(count):
            row = &batch.rows[first + i]
            memcpy(name, row.trace_id, 16)
            memcpy(name + 16, row.span_id, 8)
            dedup_siphash(key, name, sizeof(name), mixed)
            ids[i] = mixed[0] if mixed[0] else 1
            dedup_prefetch(index, ids[i])
            rests[i] = dedup_facts(secret, batch.bases[row.head.buffer] + row.head.at, row.head.length) >> (64 - DEDUP_ID_BITS)
            rests[i] |= mixed[1] << DEDUP_ID_BITS
        for i in range(count):
            marks[first + i] = dedup_mark(index, ids[i], rests[i])
            counts[marks[first + i]] += 1
        first += count
