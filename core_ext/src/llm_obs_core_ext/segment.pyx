"""A log segment as bytes: records framed and written, read back, and found again after damage.

A record is header, index section and payload, each under a checksum. Little-endian; version 1.

    magic u32 "LOR1" · header_bytes u16 · format_version u8 · kind u8 · codec u8 · flags u8 · key_id u16 ·
    partition u32 · sequence u64 · received_ns u64 · digest 16 bytes · normalizer u32 · prices u32 · scrub u32 ·
    accepted u32 · rejected u32 · payload_bytes u32 · raw_bytes u32 · index_bytes u32 · tenant_bytes u8 · tenant ·
    zeros, so that the header is a multiple of 8 · header_crc32c u32 | index | payload | body_crc32c u32

The header's checksum covers the header before it; the body's covers the header's checksum, the index and the payload,
so that no body can stand behind another header.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport UINT64_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

import os
from typing import NamedTuple

from llm_obs_core.errors import StoreError

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    Py_ssize_t writev(int fd, const iovec* vector, int count)

cdef extern from "<string.h>" nogil:
    void* memmem(const void* haystack, size_t n, const void* needle, size_t m)

cdef extern from "crc32c.h" nogil:
    void llm_obs_crc32c_init()
    uint32_t llm_obs_crc32c(const uint8_t* p, size_t n, uint32_t value)

llm_obs_crc32c_init()


cdef extern from "logrecord.h" nogil:
    ctypedef struct Fixed "LogRecordHead":
        uint8_t magic[4]
        uint16_t header_bytes
        uint8_t version, kind, codec, tenant_bytes
        uint32_t partition, normalizer, prices, scrub, accepted, rejected, payload_bytes, raw_bytes, index_bytes
        uint64_t sequence, received_ns
        uint8_t digest[16]
    const char* MAGIC_BYTES "LOG_RECORD_MAGIC"
    enum:
        VERSION "LOG_RECORD_VERSION"
        CRC "LOG_RECORD_CRC_BYTES"
        LEAST "LOG_RECORD_LEAST_BYTES"
    size_t head_size "LOG_RECORD_HEAD_BYTES"(size_t tenant_bytes)


cdef enum:
    MAX_TENANT = 255
    # Buffers of one writev; the system's limit is 1,024.
    VECTOR = 512
    # From here on a checksum takes longer than giving the interpreter's lock away.
    NOGIL_BYTES = 32768

FORMAT_VERSION = VERSION
MAGIC = <bytes> MAGIC_BYTES
MIN_RECORD_BYTES = LEAST


cdef struct Piece:
    const uint8_t* data  # NULL: in the frames' own memory, at `at`
    size_t at
    size_t size


cdef uint32_t checksum(const uint8_t* p, size_t n, uint32_t value) noexcept:
    if n < NOGIL_BYTES:
        return llm_obs_crc32c(p, n, value)
    with nogil:
        value = llm_obs_crc32c(p, n, value)
    return value


cdef class Frames:
    """The records of one commit: framed one by one, written together.

    Headers and checksums are kept in one buffer; indexes and payloads are written from where they are.
    """

    cdef uint8_t* heads
    cdef size_t used, room
    cdef Piece* pieces
    cdef Py_ssize_t count, pieces_room
    cdef list kept
    cdef readonly uint64_t nbytes

    def __cinit__(self):
        self.kept = []

    def __dealloc__(self):
        free(self.heads)
        free(self.pieces)

    def __len__(self):
        return len(self.kept)

    def add(self, record, uint64_t sequence, int codec, bytes payload not None):
        """Frames one more record; one that raises leaves the others as they are.

        Args:
            record: A `llm_obs_core.model.LogRecord`.
            sequence: Its place in the log.
            codec: How `payload` is compressed, a `llm_obs_core.model.Codec`.
            payload: The record's payload, compressed.

        Raises:
            StoreError: The tenant or the digest has a length that the format has no room for.
            OverflowError: A number does not fit its field.
        """
        cdef bytes tenant = record.tenant.encode(), digest = record.digest, index = record.index
        cdef size_t tenant_bytes = PyBytes_GET_SIZE(tenant), at, head_bytes
        cdef uint32_t crc, raw_bytes = len(record.payload)
        cdef uint32_t index_bytes = len(index), payload_bytes = len(payload)
        cdef Fixed fixed
        if tenant_bytes > MAX_TENANT or len(digest) != sizeof(fixed.digest):
            raise StoreError(
                f"a tenant of at most {MAX_TENANT} bytes and a digest of {sizeof(fixed.digest)}",
                got=f"{tenant_bytes} and {len(digest)}", where="log record", fix="shorten the tenant's name in auth.keys",
            )
        head_bytes = head_size(tenant_bytes)
        memset(&fixed, 0, sizeof(Fixed))
        memcpy(fixed.magic, MAGIC_BYTES, sizeof(fixed.magic))
        fixed.header_bytes = <uint16_t> head_bytes
        fixed.version = VERSION
        fixed.kind = record.kind
        fixed.codec = codec
        fixed.partition = record.partition
        fixed.sequence = sequence
        fixed.received_ns = record.received_ns
        memcpy(fixed.digest, PyBytes_AS_STRING(digest), sizeof(fixed.digest))
        fixed.normalizer = record.normalizer_version
        fixed.prices = record.prices_version
        fixed.scrub = record.scrub_version
        fixed.accepted = record.accepted
        fixed.rejected = record.rejected
        fixed.payload_bytes = payload_bytes
        fixed.raw_bytes = raw_bytes
        fixed.index_bytes = index_bytes
        fixed.tenant_bytes = <uint8_t> tenant_bytes
        self.reserve(head_bytes + CRC)
        self.kept.append((index, payload))  # nothing below fails
        at = self.used
        memset(self.heads + at, 0, head_bytes)
        memcpy(self.heads + at, &fixed, sizeof(Fixed))
        memcpy(self.heads + at + sizeof(Fixed), PyBytes_AS_STRING(tenant), tenant_bytes)
        crc = llm_obs_crc32c(self.heads + at, head_bytes - CRC, 0)
        memcpy(self.heads + at + head_bytes - CRC, &crc, CRC)
        crc = llm_obs_crc32c(self.heads + at + head_bytes - CRC, CRC, 0)
        crc = checksum(<const uint8_t*> PyBytes_AS_STRING(index), index_bytes, crc)
        crc = checksum(<const uint8_t*> PyBytes_AS_STRING(payload), payload_bytes, crc)
        memcpy(self.heads + at + head_bytes, &crc, CRC)
        self.own(head_bytes)
        self.point(PyBytes_AS_STRING(index), index_bytes)
        self.point(PyBytes_AS_STRING(payload), payload_bytes)
        self.own(CRC)

    def write(self, int fd):
        """Writes all of it at the end of a file that is opened for appending.

        Raises:
            OSError: The system refused a part; the file may hold what came before it.
        """
        cdef iovec vector[VECTOR]
        cdef Py_ssize_t at = 0, done = 0
        cdef size_t written = 0
        cdef int count, error = 0
        cdef Py_ssize_t given
        with nogil:
            while at < self.count:
                count = 0
                while count < VECTOR and at + count < self.count:
                    vector[count].iov_base = <void*> self.place(at + count)
                    vector[count].iov_len = self.pieces[at + count].size
                    count += 1
                vector[0].iov_base = <uint8_t*> vector[0].iov_base + written
                vector[0].iov_len -= written
                given = writev(fd, vector, count)
                if given <= 0:
                    error = errno if given < 0 else EIO
                    if error == EINTR:
                        continue
                    break
                error = 0
                done = given + written
                while at < self.count and <size_t> done >= self.pieces[at].size:
                    done -= self.pieces[at].size
                    at += 1
                written = done
        if error:
            raise OSError(error, os.strerror(error))

    def tobytes(self):
        """What `write` writes."""
        cdef bytes out = PyBytes_FromStringAndSize(NULL, self.nbytes)
        cdef char* to = PyBytes_AS_STRING(out)
        cdef Py_ssize_t at
        for at in range(self.count):
            memcpy(to, self.place(at), self.pieces[at].size)
            to += self.pieces[at].size
        return out

    cdef const uint8_t* place(self, Py_ssize_t at) noexcept nogil:
        return self.pieces[at].data if self.pieces[at].data != NULL else self.heads + self.pieces[at].at

    cdef int reserve(self, size_t wanted) except -1:
        # Room for a record, so that nothing fails halfway through one.
        cdef void* fresh
        if self.used + wanted > self.room:
            fresh = realloc(self.heads, 2 * (self.used + wanted))
            if fresh == NULL:
                raise MemoryError
            self.heads, self.room = <uint8_t*> fresh, 2 * (self.used + wanted)
        if self.count + 4 > self.pieces_room:
            fresh = realloc(self.pieces, 2 * (self.count + 4) * sizeof(Piece))
            if fresh == NULL:
                raise MemoryError
            self.pieces, self.pieces_room = <Piece*> fresh, 2 * (self.count + 4)
        return 0

    cdef void own(self, size_t size) noexcept:
        # The next bytes of `heads`; one record's checksum and the next one's header are one piece.
        cdef Piece* last = &self.pieces[self.count - 1]
        if self.count and last.data == NULL:
            last.size += size
        else:
            self.pieces[self.count] = Piece(NULL, self.used, size)
            self.count += 1
        self.used += size
        self.nbytes += size

    cdef void point(self, const char* data, size_t size) noexcept:
        if size:
            self.pieces[self.count] = Piece(<const uint8_t*> data, 0, size)
            self.count += 1
            self.nbytes += size


@cython.final
@cython.freelist(64)
cdef class Header:
    """A header that passed its checksum, and where its record lies; see `read_header`."""

    cdef readonly Py_ssize_t offset, body, end
    cdef readonly uint64_t sequence, received_ns
    cdef readonly int kind, codec
    cdef readonly uint32_t partition, normalizer_version, prices_version, scrub_version
    cdef readonly uint32_t accepted, rejected, payload_bytes, raw_bytes, index_bytes
    cdef readonly bytes digest
    cdef readonly str tenant


class Damage(NamedTuple):
    """Bytes that are no sound record: the range, and whether it reaches the end (a write that was cut off)."""

    start: int
    end: int
    tail: bool


class Run(NamedTuple):
    """Headers of records that stand one behind the other; see `run`."""

    headers: list
    end: int
    last: int
    damaged: int


cdef bint sound(const uint8_t* data, size_t n, size_t at, Fixed* head) noexcept nogil:
    # Whether a whole header begins at `at` and is what was written. Its version may be another.
    cdef uint32_t crc
    if at > n or n - at < LEAST:
        return False
    memcpy(head, data + at, sizeof(Fixed))
    if (
        memcmp(head.magic, MAGIC_BYTES, sizeof(head.magic)) != 0
        or head.header_bytes < sizeof(Fixed) + head.tenant_bytes + CRC
        or head.header_bytes > n - at
    ):
        return False
    memcpy(&crc, data + at + head.header_bytes - CRC, CRC)
    return llm_obs_crc32c(data + at, head.header_bytes - CRC, 0) == crc


cdef Header header_at(const uint8_t* data, size_t n, size_t at):
    # The header at `at`, or None.
    cdef Fixed fixed
    cdef Header header
    if not sound(data, n, at, &fixed):
        return None
    if fixed.version != VERSION:
        raise StoreError(
            f"log records of format {VERSION}",
            got=f"format {fixed.version}",
            where=f"byte {at}",
            fix="start the version of llm-obs that wrote this log, or give this one another server.data_dir",
        )
    header = Header.__new__(Header)
    try:
        header.tenant = data[at + sizeof(Fixed) : at + sizeof(Fixed) + fixed.tenant_bytes].decode()
    except UnicodeDecodeError:
        return None
    header.offset = at
    header.body = at + fixed.header_bytes
    header.end = header.body + <Py_ssize_t> fixed.index_bytes + <Py_ssize_t> fixed.payload_bytes + CRC
    header.sequence = fixed.sequence
    header.received_ns = fixed.received_ns
    header.kind = fixed.kind
    header.codec = fixed.codec
    header.partition = fixed.partition
    header.normalizer_version = fixed.normalizer
    header.prices_version = fixed.prices
    header.scrub_version = fixed.scrub
    header.accepted = fixed.accepted
    header.rejected = fixed.rejected
    header.payload_bytes = fixed.payload_bytes
    header.raw_bytes = fixed.raw_bytes
    header.index_bytes = fixed.index_bytes
    header.digest = (<const char*> fixed.digest)[:sizeof(fixed.digest)]
    return header


cdef bint whole(const uint8_t* data, Py_ssize_t n, Header header):
    # Whether index and payload are all there and as they were written.
    cdef uint32_t crc
    if header.end > n:
        return False
    memcpy(&crc, data + header.end - CRC, CRC)
    return checksum(data + header.body - CRC, header.end - header.body, 0) == crc


cdef const uint8_t* start_of(const uint8_t[::1] data) noexcept:
    return &data[0] if data.shape[0] else NULL


def read_header(const uint8_t[::1] data not None, size_t offset):
    """The header at `offset`, None when there is no whole and sound one. The body may lie behind the end of `data`.

    Raises:
        StoreError: A sound header of another format version.
    """
    return header_at(start_of(data), data.shape[0], offset)


def headers(const uint8_t[::1] data not None):
    """All headers, hopping over bodies; None when one of them is not sound and a `scan` is needed."""
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0
    cdef Header header
    cdef list found = []
    while at < n:
        header = header_at(p, n, at)
        if header is None or header.end > n:
            return None
        found.append(header)
        at = header.end
    return found


def run(const uint8_t[::1] data not None, uint64_t after, uint64_t last):
    """The records at the start of `data`, up to the first that is not all there or whose header is damaged.

    Args:
        data: A part of a segment from a record's start.
        after: Records up to this sequence are passed over.
        last: The sequence before the first one in `data`.

    Returns:
        The headers of sound records; the byte behind the last record and its sequence (`last` when there is none); how
        many records had a damaged body.
    """
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0, damaged = 0
    cdef Header header
    cdef list found = []
    while at < n:
        header = header_at(p, n, at)
        if header is None or header.end > n:
            break
        if not whole(p, n, header):
            damaged += 1
        elif header.sequence > after:
            found.append(header)
        at, last = header.end, header.sequence
    return Run(found, at, last, damaged)


def scan(const uint8_t[::1] data not None, *, uint64_t after=0, below=None):
    """Everything in a segment, in order; nothing sound is given up.

    Args:
        data: The whole file, or the rest of it from a record's start.
        after: The sequence before the first one in `data`.
        below: The first sequence of the next segment: records from there on were never acknowledged, because the
            segment was given up after a failed sync and their numbers were used again.

    Returns:
        A `Header` for each sound record and a `Damage` for each range between them.

    Raises:
        StoreError: A sound header of another format version where a record has to be.
    """
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0, end
    cdef uint64_t last = after, limit = below if below is not None else UINT64_MAX
    cdef Header header
    cdef list found = []
    while at < n:
        header = header_at(p, n, at)
        if header is not None and header.sequence > last and whole(p, n, header):
            if header.sequence >= limit:
                break
            found.append(header)
            at, last = header.end, header.sequence
            continue
        if header is None:
            end = next_sound(p, n, at, last, limit)
        else:  # its sound header says how far it reaches: what lies in its body is a sender's bytes, never a record
            end = min(header.end, n)
            last = max(last, header.sequence)
        found.append(Damage(at, end, end >= n))
        at = end
    return found


cdef Py_ssize_t next_sound(const uint8_t* p, Py_ssize_t n, Py_ssize_t damaged, uint64_t last, uint64_t limit) except -1:
    # Where the next sound record begins behind a damaged header, or the end.
    #
    # The damaged record's payload may hold bytes that look like a record. So only a sequence is believed that the
    # bytes passed over have room for: a greater one would hide the sound records that follow.
    cdef Py_ssize_t at = damaged + 1
    cdef const uint8_t* seen
    cdef uint64_t greatest
    cdef Fixed head
    cdef Header header
    while at < n:
        with nogil:
            seen = <const uint8_t*> memmem(p + at, n - at, MAGIC_BYTES, sizeof(head.magic))
        if seen == NULL:
            break
        at = seen - p
        if sound(p, n, at, &head) and head.version == VERSION:  # of another format no record has to be here
            greatest = min(last + 1 + <uint64_t> (at - damaged) // LEAST, limit - 1)
            header = header_at(p, n, at)
            if header is not None and last < header.sequence <= greatest and whole(p, n, header):
                return at
        at += 1
    return n
