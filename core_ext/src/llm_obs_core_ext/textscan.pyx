"""The text scan: every secret of a batch in one call; see `textscan.pyi`, and `textscan.h` for what is looked for."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memset

from llm_obs_core_ext.batch cimport RowBatch
from llm_obs_core_ext.emit cimport Edits
from llm_obs_core_ext.ranges cimport Ranges
from llm_obs_core_ext.texts cimport gather_batch, gather_edits


cdef extern from "textscan.h" nogil:
    enum:
        TS_PATTERNS
    const char* TS_NAMES[]
    const char* TS_KERNEL_NAMES[]
    ctypedef struct ts_rules:
        pass
    ctypedef struct ts_hit:
        uint32_t start, end, to
        uint32_t from_ "from"
        uint8_t pattern
    ctypedef struct ts_search:
        const ts_rules* rules
        ts_hit* hits
        size_t hit_count
        bint failed
    void ts_classes()
    int ts_best_kernel()
    void ts_compile(ts_rules* rules, uint32_t patterns, int kernel)
    void ts_text(ts_search* s, const uint8_t* p, uint32_t n, size_t readable)
    const uint8_t* ts_value(const ts_search* s, const ts_hit* hit)
    void ts_free(ts_search* s)

cdef extern from "textscan_word.h" nogil:
    enum:
        TS_WORD_BYTES, TS_KEY_BYTES
    ctypedef struct ts_word:
        pass
    void ts_set_word(ts_word* word, const char* name, const uint8_t* key, uint32_t key_length)
    uint32_t ts_write_word(const ts_word* word, const uint8_t* value, uint32_t length, uint8_t* out)

ts_classes()

PATTERNS = tuple(TS_NAMES[i].decode() for i in range(TS_PATTERNS))
KERNELS = tuple(TS_KERNEL_NAMES[i].decode() for i in range(ts_best_kernel() + 1))

cdef enum:
    # Above this many bytes of texts other threads run meanwhile. Below it the scan is over sooner than the interpreter
    # would come back to it: a thread that is busy in Python gives the lock back only after 5 ms.
    RELEASE_BYTES = 4194304


cdef class TextScan:
    """Compiled patterns and the words written over what they find."""

    cdef ts_rules rules
    cdef ts_word words[64]

    def __cinit__(self, patterns, kernel=None):
        cdef uint32_t mask = 0
        cdef bytes secret
        cdef Py_ssize_t i
        for name, key in dict(patterns).items():
            if name not in PATTERNS:
                raise ValueError(f"expected patterns out of {', '.join(PATTERNS)}, got {name!r}")
            i = PATTERNS.index(name)
            secret = bytes(key)
            if len(secret) > TS_KEY_BYTES:
                raise ValueError(f"expected a key of at most {TS_KEY_BYTES} bytes, got {len(secret)}")
            mask |= <uint32_t> 1 << i
            ts_set_word(&self.words[i], TS_NAMES[i], secret, <uint32_t> len(secret))
        if kernel is not None and kernel not in KERNELS:
            raise ValueError(f"expected a kernel out of {', '.join(KERNELS)}, got {kernel!r}")
        ts_compile(&self.rules, mask, ts_best_kernel() if kernel is None else KERNELS.index(kernel))

    def find(self, texts):
        """What is found in texts: (text number, start, end, pattern name), in order."""
        cdef ts_search search
        cdef Py_buffer view
        cdef ts_hit hit
        cdef size_t i
        cdef list found = []
        memset(&search, 0, sizeof(ts_search))
        search.rules = &self.rules
        try:
            for number, text in enumerate(texts):
                PyObject_GetBuffer(text, &view, PyBUF_SIMPLE)
                try:
                    ts_text(&search, <const uint8_t*> view.buf, <uint32_t> view.len, view.len)
                finally:
                    PyBuffer_Release(&view)
                if search.failed:
                    raise MemoryError
                for i in range(search.hit_count):
                    hit = search.hits[i]
                    found.append((number, hit.start, hit.end, PATTERNS[hit.pattern]))
        finally:
            ts_free(&search)
        return sorted(found)

    def scrub(self, RowBatch batch not None, Edits edits not None):
        """Puts words over all that is found in a batch and in its edits; pattern name to how often."""
        cdef size_t counts[64]
        cdef Py_ssize_t i
        cdef size_t size
        cdef int failed = 0
        if edits.batch is not batch:
            raise ValueError("expected the edits of this batch, got those of another")
        memset(counts, 0, sizeof(counts))
        for i in range(batch.buffer_count + 1):
            size = batch.buffers[i].nbytes if i < batch.buffer_count else edits.used
            if size > RELEASE_BYTES:
                with nogil:
                    failed = self._source(batch, edits, i, size, counts)
            else:
                failed = self._source(batch, edits, i, size, counts)
            if failed:
                raise MemoryError
        return {PATTERNS[i]: counts[i] for i in range(TS_PATTERNS) if counts[i]}

    cdef int _source(
        self, RowBatch batch, Edits edits, Py_ssize_t source, size_t size, size_t* counts
    ) noexcept nogil:
        # One buffer of the batch, or what the edits set; -1 when out of memory.
        cdef const uint8_t* base = edits.arena
        cdef ts_search search
        cdef Ranges texts
        cdef const ts_hit* hit
        cdef const ts_word* word
        cdef uint8_t text[TS_WORD_BYTES]
        cdef uint32_t length
        cdef size_t n, i
        memset(&search, 0, sizeof(ts_search))
        memset(&texts, 0, sizeof(Ranges))
        search.rules = &self.rules
        if source < batch.buffer_count:
            base = batch.bases[source]
            gather_batch(&texts, batch, <uint32_t> source, edits)
        else:
            gather_edits(&texts, edits)
        search.failed = texts.failed
        for n in range(texts.count):
            if search.failed:
                break
            ts_text(&search, base + texts.starts[n], texts.ends[n] - texts.starts[n], size - texts.starts[n])
            for i in range(search.hit_count):
                hit = &search.hits[i]
                word = &self.words[hit.pattern]
                length = ts_write_word(word, ts_value(&search, hit), hit.to - hit.from_, text)
                if edits.put_over(source, texts.starts[n] + hit.start, texts.starts[n] + hit.end, text, length):
                    search.failed = True
                counts[hit.pattern] += 1
        ts_free(&search)
        free(texts.starts)
        free(texts.ends)
        return -1 if search.failed else 0
