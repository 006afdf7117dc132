# The fixed parts of a log record's header; see logrecord.h, and frames.pyx for the whole record.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "logrecord.h" nogil:
    ctypedef struct Fixed "LogRecordHead":
        uint8_t magic[4]
        uint16_t header_bytes
        uint8_t version, kind, codec, tenant_bytes
        uint32_t partition, normalizer, prices, scrub, accepted, rejected, payload_bytes, raw_bytes, index_bytes
        uint64_t sequence, received_ns
        uint8_t digest[16]
    ctypedef struct Tail "LogRecordTail":
        uint16_t group_index, group_size, extra_bytes
    const char* MAGIC_BYTES "LOG_RECORD_MAGIC"
    enum:
        VERSION "LOG_RECORD_VERSION"
        CRC "LOG_RECORD_CRC_BYTES"
        LEAST "LOG_RECORD_LEAST_BYTES"
    size_t head_size "LOG_RECORD_HEAD_BYTES"(size_t tenant_bytes, size_t extra_bytes)


cdef extern from "crc32c.h" nogil:
    void llm_obs_crc32c_init()
    uint32_t llm_obs_crc32c(const uint8_t* p, size_t n, uint32_t value)


cdef enum:
    # From here on a checksum takes longer than giving the interpreter's lock away.
    NOGIL_BYTES = 32768


cdef inline uint32_t checksum(const uint8_t* p, size_t n, uint32_t value) noexcept:
    if n < NOGIL_BYTES:
        return llm_obs_crc32c(p, n, value)
    with nogil:
        value = llm_obs_crc32c(p, n, value)
    return value
