"""Records of the log as bytes: framed one by one, written together; `segment` reads them back.

A record is header, index section and payload, each under a checksum. Little-endian; version 2.

    magic u32 "LOR1" · header_bytes u16 · format_version u8 · kind u8 · codec u8 · flags u8 · key_id u16 ·
    partition u32 · sequence u64 · received_ns u64 · digest 16 bytes · normalizer u32 · prices u32 · scrub u32 ·
    accepted u32 · rejected u32 · payload_bytes u32 · raw_bytes u32 · index_bytes u32 · tenant_bytes u8 ·
    group_index u16 · group_size u16 · extra_bytes u16 · tenant · extra · zeros, so that the header is a multiple of 8 ·
    header_crc32c u32 | index | payload | body_crc32c u32

Version 1 has no group and no extra: its tenant begins where group_index is. The header's checksum covers the header
before it; the body's covers the header's checksum, the index and the payload, so that no body can stand behind another
header.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from llm_obs_core_ext.logrecord cimport *

import os

from llm_obs_core.errors import StoreError

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len
    Py_ssize_t writev(int fd, const iovec* vector, int count)

llm_obs_crc32c_init()


cdef enum:
    MAX_TENANT = 255
    MAX_EXTRA = 65000  # a header is at most 65,535 bytes
    NAMES = sizeof(Fixed) + sizeof(Tail)  # where the tenant begins
    # Buffers of one writev; the system's limit is 1,024.
    VECTOR = 512


cdef struct Piece:
    const uint8_t* data  # NULL: in the frames' own memory, at `at`
    size_t at
    size_t size


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

    def add(
        self,
        record,
        uint64_t sequence,
        int codec,
        bytes payload not None,
        *,
        bytes extra not None=b"",
        uint16_t group_index=0,
        uint16_t group_size=1,
    ):
        """Frames one more record; one that raises leaves the others as they are.

        Args:
            record: A `llm_obs_core.model.LogRecord`.
            sequence: Its number in the log.
            codec: How `payload` is compressed, a `llm_obs_core.model.Codec`.
            payload: The record's payload, compressed.
            extra: Bytes that mean nothing here; they are in the header and read back as they are.
            group_index: Which of its group it is, from 0.
            group_size: Records of the group: neighbours with sequences one after the other, read all or none.

        Raises:
            StoreError: The tenant, the digest or `extra` has a length that the format has no room for.
            OverflowError: A number does not fit its field.
            ValueError: The index is not one of the group's.
        """
        cdef bytes tenant = record.tenant.encode(), digest = record.digest, index = record.index
        cdef size_t tenant_bytes = PyBytes_GET_SIZE(tenant), extra_bytes = PyBytes_GET_SIZE(extra), at, head_bytes
        cdef uint32_t crc, raw_bytes = len(record.payload)
        cdef uint32_t index_bytes = len(index), payload_bytes = len(payload)
        cdef Fixed fixed
        cdef Tail tail
        if tenant_bytes > MAX_TENANT or len(digest) != sizeof(fixed.digest):
            raise StoreError(
                f"a tenant of at most {MAX_TENANT} bytes and a digest of {sizeof(fixed.digest)}",
                got=f"{tenant_bytes} and {len(digest)}", where="log record", fix="shorten the tenant's name in auth.keys",
            )
        if extra_bytes > MAX_EXTRA:
            raise StoreError(
                f"a target, origin and range of at most {MAX_EXTRA} bytes", got=f"{extra_bytes}", where="log record",
                fix="shorten the sink's name",
            )
        if group_index >= group_size:
            raise ValueError(f"expected an index within a group of {group_size}, got {group_index}")
        head_bytes = head_size(tenant_bytes, extra_bytes)
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
        tail.group_index = group_index
        tail.group_size = group_size
        tail.extra_bytes = <uint16_t> extra_bytes
        self.reserve(head_bytes + CRC)
        self.kept.append((index, payload))  # nothing below fails
        at = self.used
        memset(self.heads + at, 0, head_bytes)
        memcpy(self.heads + at, &fixed, sizeof(Fixed))
        memcpy(self.heads + at + sizeof(Fixed), &tail, sizeof(Tail))
        memcpy(self.heads + at + NAMES, PyBytes_AS_STRING(tenant), tenant_bytes)
        memcpy(self.heads + at + NAMES + tenant_bytes, PyBytes_AS_STRING(extra), extra_bytes)
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

    def mark(self):
        """Where `rollback` goes back to; it means something to these frames only."""
        return len(self.kept), self.used, self.count, self.pieces[self.count - 1].size if self.count else 0, self.nbytes

    def rollback(self, mark):
        """Takes away what was added since `mark`: the members of a group of which another does not fit."""
        cdef Py_ssize_t kept, count
        cdef size_t used, size
        cdef uint64_t nbytes
        kept, used, count, size, nbytes = mark
        if kept > len(self.kept) or used > self.used or count > self.count or nbytes > self.nbytes:
            raise ValueError("expected a mark of these frames with no rollback before it, got another")
        del self.kept[kept:]
        self.used, self.count, self.nbytes = used, count, nbytes
        if count:
            self.pieces[count - 1].size = size

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
                    vector[count].iov_base = <void*> self.data_of(at + count)
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
            memcpy(to, self.data_of(at), self.pieces[at].size)
            to += self.pieces[at].size
        return out

    cdef const uint8_t* data_of(self, Py_ssize_t at) noexcept nogil:
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
