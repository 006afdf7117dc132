"""Group by and add up; see `groups.pyi`. An open hash table of 64-bit keys, and sums over columns."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_ND, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport INT32_MAX, int8_t, int16_t, int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

cdef enum:
    FIRST_SLOTS = 1024


cdef inline uint64_t mixed(int64_t key) noexcept nogil:
    cdef uint64_t hash = <uint64_t> key * <uint64_t> 0x9E3779B97F4A7C15
    return hash ^ (hash >> 32)


cdef class Groups:
    """See `groups.pyi`."""

    cdef int64_t* found        # by number
    cdef uint32_t* slots       # hash & mask -> number + 1, 0 empty; at most half of them are taken
    cdef size_t mask
    cdef size_t count

    def __cinit__(self):
        self.slots = <uint32_t*> calloc(FIRST_SLOTS, sizeof(uint32_t))
        self.found = <int64_t*> realloc(NULL, FIRST_SLOTS // 2 * sizeof(int64_t))
        if self.slots == NULL or self.found == NULL:
            raise MemoryError
        self.mask = FIRST_SLOTS - 1

    def __dealloc__(self):
        free(self.slots)
        free(self.found)

    def __len__(self):
        return self.count

    @property
    def nbytes(self):
        """Bytes of its tables."""
        return (self.mask + 1) * (sizeof(uint32_t) + sizeof(int64_t) // 2)

    def number(self, const int64_t[::1] keys, int32_t[::1] numbers):
        """See `groups.pyi`."""
        cdef size_t count = <size_t> keys.shape[0]
        cdef size_t at = 0
        if keys.shape[0] != numbers.shape[0]:
            raise TypeError(f"expected as many numbers as keys, got {numbers.shape[0]} for {keys.shape[0]}")
        if not count:
            return
        with nogil:
            while at < count:
                if self.count >= INT32_MAX or (self.count * 2 > self.mask and not self.grow()):
                    raise MemoryError
                at = self.put(&keys[0], at, count, &numbers[0])

    def keys(self):
        """See `groups.pyi`."""
        return PyBytes_FromStringAndSize(<const char*> self.found, self.count * sizeof(int64_t))

    cdef size_t put(self, const int64_t* keys, size_t at, size_t end, int32_t* numbers) noexcept nogil:
        # Goes on until all is done or half of the slots are taken; returns how far it came.
        cdef size_t slot
        cdef uint32_t held
        cdef int64_t key
        while at < end:
            key = keys[at]
            if key < 0:
                numbers[at] = -1
                at += 1
                continue
            slot = mixed(key) & self.mask
            while True:
                held = self.slots[slot]
                if held == 0:
                    if self.count * 2 > self.mask:
                        return at
                    self.found[self.count] = key
                    self.count += 1
                    self.slots[slot] = held = <uint32_t> self.count
                elif self.found[held - 1] != key:
                    slot = (slot + 1) & self.mask
                    continue
                break
            numbers[at] = <int32_t> (held - 1)
            at += 1
        return at

    cdef bint grow(self) noexcept nogil:
        cdef size_t size = (self.mask + 1) * 2
        cdef size_t slot, i
        cdef int64_t* found = <int64_t*> realloc(self.found, size // 2 * sizeof(int64_t))
        if found == NULL:
            return False
        self.found = found
        cdef uint32_t* slots = <uint32_t*> calloc(size, sizeof(uint32_t))
        if slots == NULL:
            return False
        for i in range(self.count):
            slot = mixed(found[i]) & (size - 1)
            while slots[slot]:
                slot = (slot + 1) & (size - 1)
            slots[slot] = <uint32_t> (i + 1)
        free(self.slots)
        self.slots = slots
        self.mask = size - 1
        return True


ctypedef fused Value:
    int8_t
    int16_t
    int32_t
    uint32_t


cdef inline void add_one(
    const int32_t* numbers, const Value* values, size_t i, int64_t* sums, size_t groups
) noexcept nogil:
    if <uint32_t> numbers[i] < groups:
        sums[numbers[i]] += values[i]


cdef void add(const int32_t* numbers, const Value* values, size_t count, int64_t* sums, size_t groups) noexcept nogil:
    # Neighbours are often of one group, and each addition to a sum waits for the one before it: a group alone is added
    # up in a register, of several groups four distant rows are added in turn.
    cdef size_t quarter = count // 4
    cdef int64_t sum = 0
    cdef size_t i
    if groups == 1:
        for i in range(count):
            sum += values[i] if numbers[i] == 0 else 0
        sums[0] += sum
        return
    for i in range(quarter):
        add_one(numbers, values, i, sums, groups)
        add_one(numbers, values, i + quarter, sums, groups)
        add_one(numbers, values, i + 2 * quarter, sums, groups)
        add_one(numbers, values, i + 3 * quarter, sums, groups)
    for i in range(4 * quarter, count):
        add_one(numbers, values, i, sums, groups)


def add_up(const int32_t[::1] numbers, values, int64_t[::1] sums):
    """See `groups.pyi`."""
    cdef Py_buffer view
    cdef size_t count = <size_t> numbers.shape[0]
    cdef size_t groups = <size_t> sums.shape[0]
    cdef bint known = True
    cdef char kind
    PyObject_GetBuffer(values, &view, PyBUF_ND | PyBUF_FORMAT)  # contiguous, or it raises
    try:
        if <size_t> view.len != count * <size_t> view.itemsize:
            raise TypeError(f"expected as many values as numbers, got {view.len // view.itemsize} for {count}")
        if not count or not groups:
            return
        kind = view.format[0]
        with nogil:
            if kind == b"b":
                add(&numbers[0], <const int8_t*> view.buf, count, &sums[0], groups)
            elif kind == b"h":
                add(&numbers[0], <const int16_t*> view.buf, count, &sums[0], groups)
            elif kind in (b"i", b"l") and view.itemsize == 4:
                add(&numbers[0], <const int32_t*> view.buf, count, &sums[0], groups)
            elif kind in (b"I", b"L") and view.itemsize == 4:
                add(&numbers[0], <const uint32_t*> view.buf, count, &sums[0], groups)
            else:
                known = False
        if not known:
            raise TypeError(f"expected integers of 8, 16 or 32 bits, got format {view.format.decode()!r}")
    finally:
        PyBuffer_Release(&view)
