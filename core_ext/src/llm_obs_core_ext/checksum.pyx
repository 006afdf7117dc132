"""CRC32C (Castagnoli), by the processor's instruction where it has one: the checksum of log records."""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "crc32c.h" nogil:
    void llm_obs_crc32c_init()
    uint32_t llm_obs_crc32c(const uint8_t *p, size_t n, uint32_t value)
    uint32_t llm_obs_crc32c_portable(const uint8_t *p, size_t n, uint32_t value)

llm_obs_crc32c_init()

# Below this, releasing the interpreter lock costs more than the sum.
cdef enum:
    NOGIL_BYTES = 32768


def crc32c(const uint8_t[::1] data not None, uint32_t value=0):
    """The CRC32C of `data`, going on from `value`."""
    cdef size_t n = data.shape[0]
    if n == 0:
        return value
    if n < NOGIL_BYTES:
        return llm_obs_crc32c(&data[0], n, value)
    with nogil:
        value = llm_obs_crc32c(&data[0], n, value)
    return value


def crc32c_portable(const uint8_t[::1] data not None, uint32_t value=0):
    """As `crc32c`, without the processor's instruction; both are tested against each other."""
    return llm_obs_crc32c_portable(&data[0], data.shape[0], value) if data.shape[0] else value
