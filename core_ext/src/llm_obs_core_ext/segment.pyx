"""A log segment read back: its records, and what damage has left of them. `frames` writes it and tells the format.

Records of one group are neighbours with sequences one after the other. A reader is given all of them or none. Within a
segment sequences have no gaps: `scan` relies on it where it looks for the next record after a damaged one.
"""

cimport cython
from libc.stdint cimport UINT64_MAX, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from llm_obs_core_ext.logrecord cimport *

from typing import NamedTuple

from llm_obs_core.errors import StoreError

from llm_obs_core_ext.frames import Frames

cdef extern from "<string.h>" nogil:
    void* memmem(const void* haystack, size_t n, const void* needle, size_t m)

llm_obs_crc32c_init()

__all__ = [
    "FORMAT_VERSION", "MAGIC", "MIN_RECORD_BYTES", "Damage", "Frames", "Header", "Run", "headers", "read_header", "run",
    "scan",
]

FORMAT_VERSION = VERSION
MAGIC = <bytes> MAGIC_BYTES
MIN_RECORD_BYTES = LEAST


@cython.final
@cython.freelist(64)
cdef class Header:
    """A header that passed its checksum, and where its record lies; see `read_header`."""

    cdef readonly Py_ssize_t offset, body, end
    cdef readonly uint64_t sequence, received_ns
    cdef readonly int version, kind, codec
    cdef readonly uint32_t partition, normalizer_version, prices_version, scrub_version
    cdef readonly uint32_t accepted, rejected, payload_bytes, raw_bytes, index_bytes
    cdef readonly uint16_t group_index, group_size
    cdef readonly bytes digest, extra
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


cdef struct Anchor:
    # The first of the sound neighbours that reach the end. No sender can make one: behind what it sends is a checksum that
    # it does not know. So what comes before has lesser sequences, whatever a payload pretends.
    Py_ssize_t at      # -1: not looked for; the end: there is none
    uint64_t sequence


cdef bint known(int version) noexcept nogil:
    return 1 <= version <= VERSION


cdef bint sound(const uint8_t* data, size_t n, size_t at, Fixed* head, Tail* tail) noexcept nogil:
    # Whether a whole header begins at `at` and is what was written. Its version may be another.
    cdef size_t least = sizeof(Fixed) + CRC
    cdef uint32_t crc
    if at > n or n - at < LEAST:
        return False
    memcpy(head, data + at, sizeof(Fixed))
    if memcmp(head.magic, MAGIC_BYTES, sizeof(head.magic)) != 0:
        return False
    tail.group_index, tail.group_size, tail.extra_bytes = 0, 1, 0
    if known(head.version):
        least += head.tenant_bytes
        if head.version > 1:
            memcpy(tail, data + at + sizeof(Fixed), sizeof(Tail))
            least += sizeof(Tail) + tail.extra_bytes
    if head.header_bytes < least or head.header_bytes > n - at or tail.group_index >= tail.group_size:
        return False
    memcpy(&crc, data + at + head.header_bytes - CRC, CRC)
    return llm_obs_crc32c(data + at, head.header_bytes - CRC, 0) == crc


cdef Header header_at(const uint8_t* data, size_t n, size_t at):
    # The header at `at`, or None.
    cdef Fixed fixed
    cdef Tail tail
    cdef Header header
    cdef const uint8_t* names = data + at + sizeof(Fixed)
    if not sound(data, n, at, &fixed, &tail):
        return None
    if not known(fixed.version):
        raise StoreError(
            f"log records of format 1 to {VERSION}",
            got=f"format {fixed.version}",
            where=f"byte {at}",
            fix="start the version of llm-obs that wrote this log, or give this one another server.data_dir",
        )
    if fixed.version > 1:
        names += sizeof(Tail)
    header = Header.__new__(Header)
    try:
        header.tenant = names[:fixed.tenant_bytes].decode()
    except UnicodeDecodeError:
        return None
    header.extra = names[fixed.tenant_bytes : fixed.tenant_bytes + tail.extra_bytes]
    header.group_index = tail.group_index
    header.group_size = tail.group_size
    header.version = fixed.version
    header.offset = at
    header.body = at + fixed.header_bytes
    header.end = end_of(&fixed, at)
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


cdef Py_ssize_t end_of(const Fixed* head, Py_ssize_t at) noexcept nogil:
    return at + head.header_bytes + <Py_ssize_t> head.index_bytes + <Py_ssize_t> head.payload_bytes + CRC


cdef bint is_whole(const uint8_t* data, Py_ssize_t n, Py_ssize_t body, Py_ssize_t end) noexcept nogil:
    # Whether index and payload are all there and as they were written.
    cdef uint32_t crc
    if end > n:
        return False
    memcpy(&crc, data + end - CRC, CRC)
    return llm_obs_crc32c(data + body - CRC, end - body, 0) == crc


cdef bint whole(const uint8_t* data, Py_ssize_t n, Header header):
    # As `is_whole`; other threads run meanwhile.
    cdef uint32_t crc
    if header.end > n:
        return False
    memcpy(&crc, data + header.end - CRC, CRC)
    return checksum(data + header.body - CRC, header.end - header.body, 0) == crc


cdef bint same_group(Header one, Header other):
    return (
        one.group_size == other.group_size
        and one.sequence - one.group_index == other.sequence - other.group_index
    )


cdef list members_of(const uint8_t* data, Py_ssize_t n, Header header):
    # The headers of the group that begins with `header`; None when one of them or the end of a body is not there.
    cdef list members
    cdef Header member = header
    if header.group_index != 0 or header.end > n:
        return None
    members = [header]
    while len(members) < header.group_size:
        member = header_at(data, n, member.end)
        if (
            member is None or member.end > n
            or member.group_index != len(members) or not same_group(header, member)
        ):
            return None
        members.append(member)
    return members


cdef object last_of(list items):
    return items[len(items) - 1] if items else None


cdef bint all_whole(const uint8_t* data, Py_ssize_t n, list members):
    cdef Header member
    for member in members:
        if not whole(data, n, member):
            return False
    return True


cdef const uint8_t* start_of(const uint8_t[::1] data) noexcept:
    return &data[0] if data.shape[0] else NULL


def read_header(const uint8_t[::1] data not None, size_t offset):
    """The header at `offset`, None when there is no whole and sound one. The body may lie behind the end of `data`.

    Raises:
        StoreError: A sound header of another format version.
    """
    return header_at(start_of(data), data.shape[0], offset)


def headers(const uint8_t[::1] data not None):
    """All headers, hopping over bodies; None when one is not sound or a group not complete, and a `scan` is needed."""
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0
    cdef Header header
    cdef list found = [], members
    while at < n:
        header = header_at(p, n, at)
        if header is None:
            return None
        members = members_of(p, n, header)
        if members is None:
            return None
        found += members
        at = (<Header> last_of(members)).end
    return found


def run(const uint8_t[::1] data not None, uint64_t after, uint64_t last):
    """The records at the start of `data`, up to the first that is not all there or whose header is damaged.

    Args:
        data: A part of a segment from the start of a record that is its own group or begins one.
        after: Records up to this sequence are passed over.
        last: The sequence before the first one in `data`.

    Returns:
        The headers of sound records, of whole groups only; the byte behind the last group and its last sequence (`last`
        when there is none); how many groups had a damaged body.
    """
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0, damaged = 0
    cdef Header header
    cdef list found = [], members
    while at < n:
        header = header_at(p, n, at)
        if header is None:
            break
        members = members_of(p, n, header)
        if members is None:
            break
        if not all_whole(p, n, members):
            damaged += 1
        else:
            for header in members:
                if header.sequence > after:
                    found.append(header)
        header = last_of(members)
        at, last = header.end, header.sequence
    return Run(found, at, last, damaged)


def scan(const uint8_t[::1] data not None, *, uint64_t after=0, below=None):
    """Everything in a segment, in order; nothing sound is given up, but the rest of a damaged record's group.

    Args:
        data: The whole file, or the rest of it from a record's start.
        after: The sequence before the first one in `data`.
        below: The first sequence of the next segment: groups that reach it were never acknowledged, because the
            segment was given up after a failed sync and their numbers were used again.

    Returns:
        A `Header` for each record of a group that is sound as a whole, and a `Damage` for each range between them.

    Raises:
        StoreError: A sound header of another format version where a record has to be.
    """
    cdef const uint8_t* p = start_of(data)
    cdef Py_ssize_t n = data.shape[0], at = 0, start, end
    cdef uint64_t last = after, limit = below if below is not None else UINT64_MAX
    cdef Anchor anchor = Anchor(-1, UINT64_MAX)
    cdef Header header
    cdef list found = [], members
    while at < n:
        header = header_at(p, n, at)
        if header is not None and too_late(&anchor, at, header.sequence):
            header = None
        members = members_of(p, n, header) if header is not None and header.sequence > last else None
        if members is not None and too_late(&anchor, at, (<Header> last_of(members)).sequence):
            header = members = None
        if members is not None and all_whole(p, n, members):
            header = last_of(members)
            if header.sequence >= limit:
                break
            found += members
            at, last = header.end, header.sequence
            continue
        start = at
        if header is None:
            end = next_sound(p, n, at, last, limit, &anchor)
        else:
            end = rest_of(p, n, header, &last, limit, &anchor)
            before = last_of(found)
            if header.group_index and isinstance(before, Damage) and before.end == at:
                start = before.start  # the beginning of its group is damaged
                del found[len(found) - 1 :]
        found.append(Damage(start, end, end >= n))
        at = end
    return found


cdef bint too_late(const Anchor* anchor, Py_ssize_t at, uint64_t sequence) noexcept nogil:
    return at < anchor.at and sequence >= anchor.sequence


cdef void find_anchor(const uint8_t* p, Py_ssize_t n, Py_ssize_t at, Anchor* anchor) noexcept nogil:
    cdef const uint8_t* seen
    cdef Py_ssize_t end
    cdef uint64_t first = 0, next = 0
    cdef Fixed head
    cdef Tail tail
    anchor.at, anchor.sequence = n, UINT64_MAX
    while at < n:
        seen = <const uint8_t*> memmem(p + at, n - at, MAGIC_BYTES, sizeof(head.magic))
        if seen == NULL:
            return
        at = end = seen - p
        while end < n and sound(p, n, end, &head, &tail) and known(head.version) and (
            end == at or head.sequence == next
        ) and is_whole(p, n, end + head.header_bytes, end_of(&head, end)):
            if end == at:
                first = head.sequence
            next = head.sequence + 1
            end = end_of(&head, end)
        if end == n:
            anchor.at, anchor.sequence = at, first
            return
        at = max(end, at + 1)


cdef Py_ssize_t rest_of(
    const uint8_t* p, Py_ssize_t n, Header header, uint64_t* last, uint64_t limit, Anchor* anchor
) except -1:
    # Where a record that is not to be read ends, and with it what follows of its group.
    #
    # Its sound header says how far it reaches: what lies in its body is a sender's bytes, never a record.
    cdef Py_ssize_t start = header.offset, at = header.end
    cdef Header next
    last[0] = max(last[0], header.sequence)
    while at < n and header.group_index + 1 < header.group_size:
        next = header_at(p, n, at)
        if next is None:
            at = next_sound(p, n, at, last[0], limit, anchor)
            continue
        if (
            next.group_index <= header.group_index or not same_group(header, next)
            or too_late(anchor, at, next.sequence)
        ):
            break
        header, at = next, next.end
        last[0] = max(last[0], next.sequence)
    return min(at, anchor.at if start < anchor.at else n)


cdef Py_ssize_t next_sound(
    const uint8_t* p, Py_ssize_t n, Py_ssize_t damaged, uint64_t last, uint64_t limit, Anchor* anchor
) except -1:
    # Where the next sound record begins after a damaged header, or the end.
    #
    # The damaged record's payload may hold bytes that look like a record. So only a sequence is believed that the
    # bytes passed over have room for, and before the anchor only one between that of the damaged record and the
    # anchor's: any other would hide the sound records that follow.
    cdef Py_ssize_t at = damaged + 1
    cdef const uint8_t* seen
    cdef uint64_t greatest, least
    cdef Fixed head
    cdef Tail tail
    cdef Header header
    if anchor.at < 0:
        with nogil:
            find_anchor(p, n, at, anchor)
    while at < n:
        with nogil:
            seen = <const uint8_t*> memmem(p + at, n - at, MAGIC_BYTES, sizeof(head.magic))
        if seen == NULL:
            break
        at = seen - p
        if sound(p, n, at, &head, &tail) and known(head.version):  # of another format no record has to be here
            greatest = min(last + 1 + <uint64_t> (at - damaged) // LEAST, limit - 1)
            least = last + 1
            if at < anchor.at < n:
                greatest = min(greatest, anchor.sequence - 1)
                least += 1
            header = header_at(p, n, at)
            if header is not None and least <= header.sequence <= greatest and whole(p, n, header):
                return at
        at += 1
    return n
