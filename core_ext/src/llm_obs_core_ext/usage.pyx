"""Token buckets for other Cython modules (`usage.pxd`), and the same for one call from Python."""

from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc

from llm_obs_core_ext.batch cimport KeyTable

from llm_obs_core.pricing.cost import TokenBuckets
from llm_obs_core.pricing.usage import COUNT_KEYS


cdef uint8_t* usage_keys(KeyTable table) except NULL:
    cdef uint8_t* places = <uint8_t*> calloc(table.count + 1, 1)
    cdef int place
    if places == NULL:
        raise MemoryError
    for place in range(COUNTS):
        # A table of a user's own may lack a key: its id is 0, which no attribute of the batch is read for.
        places[<uint16_t> table.id(COUNT_KEYS[place])] = <uint8_t> (place + 1)
    places[0] = 0
    return places


def settled(counts):
    """The disjoint buckets of one call's counts, as `llm_obs_core.pricing.usage.settle`."""
    cdef Usage usage
    cdef int place
    usage.present = 0
    for place, count in enumerate(
        (
            counts.input_tokens, counts.output_tokens, counts.cache_read, counts.cache_write, counts.cache_write_1h,
            counts.audio_in, counts.image_in, counts.reasoning, counts.audio_out,
        )
    ):
        if count is not None:
            usage.sent[place] = count
            usage.present |= 1 << place
    settle(&usage)
    if not usage.present:
        return None
    return TokenBuckets(
        usage.input_uncached, usage.cache_read, usage.cache_write_5m, usage.cache_write_1h, usage.audio_in,
        usage.image_in, usage.output_text, usage.output_reasoning, usage.audio_out,
    )
