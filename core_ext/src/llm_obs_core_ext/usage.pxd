# Token counts of one call and their disjoint buckets: the rules of llm_obs_core/pricing/usage.py, compiled.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from llm_obs_core_ext.batch cimport Attr, KeyTable
from llm_obs_core_ext.typed cimport attr_int


cdef enum UsageCount:  # places in Usage.sent, in the order of llm_obs_core.pricing.usage.COUNT_KEYS
    COUNT_INPUT = 0
    COUNT_OUTPUT = 1
    COUNT_CACHE_READ = 2
    COUNT_CACHE_WRITE = 3
    COUNT_CACHE_WRITE_1H = 4
    COUNT_AUDIO_IN = 5
    COUNT_IMAGE_IN = 6
    COUNT_REASONING = 7
    COUNT_AUDIO_OUT = 8
    COUNTS = 9


cdef enum UsageSide:   # bits of Usage.present, 1 << UsageCount, by what they are part of
    OUTPUT_SIDE = 1 << 1 | 1 << 7 | 1 << 8
    INPUT_SIDE = 0x1FF & ~(1 << 1 | 1 << 7 | 1 << 8)


cdef enum:
    MAX_TOKENS = 0xFFFFFFFFFF  # a count above is taken as this


cdef struct Usage:
    int64_t sent[9]           # by UsageCount, as they came; only those of `present` mean something
    uint32_t present          # bit n: sent[n] came; after `settle` without the negative ones
    int64_t input_tokens      # from here on written by `settle`: all input, cached included; 0 when nothing came
    int64_t output_tokens     # all output, reasoning included
    int64_t input_uncached    # the input buckets add up to input_tokens
    int64_t cache_read
    int64_t cache_write_5m
    int64_t cache_write_1h
    int64_t audio_in
    int64_t image_in
    int64_t output_text       # the output buckets add up to output_tokens
    int64_t output_reasoning
    int64_t audio_out


# By key id of the table: 1 + UsageCount, 0 for keys that are no count. table.count + 1 bytes, to be freed.
cdef uint8_t* usage_keys(KeyTable table) except NULL


cdef inline void add_count(Usage* usage, int count, const uint8_t* base, const Attr* attr) noexcept nogil:
    # Takes an attribute's value as that count, if it is an int. `present` must be 0 before the first.
    if attr_int(base, attr, &usage.sent[count]):
        usage.present |= <uint32_t> 1 << count
    else:
        usage.present &= ~(<uint32_t> 1 << count)


cdef inline int64_t _sent(Usage* usage, int count) noexcept nogil:
    cdef int64_t value
    if not (usage.present >> count) & 1:
        return 0
    value = usage.sent[count]
    if value < 0:
        usage.present &= ~(<uint32_t> 1 << count)
        return 0
    return value if value < <int64_t> MAX_TOKENS else <int64_t> MAX_TOKENS


cdef inline void settle(Usage* usage) noexcept nogil:
    # No sum here passes 7 * 2^40.
    cdef int64_t total = _sent(usage, COUNT_INPUT)
    cdef int64_t rest
    cdef int64_t cached
    usage.cache_read = _sent(usage, COUNT_CACHE_READ)
    usage.cache_write_1h = _sent(usage, COUNT_CACHE_WRITE_1H)
    usage.cache_write_5m = _sent(usage, COUNT_CACHE_WRITE) - usage.cache_write_1h
    if usage.cache_write_5m < 0:
        usage.cache_write_5m = 0
    usage.audio_in = _sent(usage, COUNT_AUDIO_IN)
    usage.image_in = _sent(usage, COUNT_IMAGE_IN)
    cached = usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
    if not usage.present & (1 << COUNT_INPUT):
        total = cached + usage.audio_in + usage.image_in
    elif total < cached:
        total += cached
    usage.input_tokens = total
    rest = total - cached
    if usage.audio_in > rest:
        usage.audio_in = rest
    rest -= usage.audio_in
    if usage.image_in > rest:
        usage.image_in = rest
    usage.input_uncached = rest - usage.image_in

    total = _sent(usage, COUNT_OUTPUT)
    usage.output_reasoning = _sent(usage, COUNT_REASONING)
    usage.audio_out = _sent(usage, COUNT_AUDIO_OUT)
    if not usage.present & (1 << COUNT_OUTPUT):
        total = usage.output_reasoning + usage.audio_out
    elif total < usage.output_reasoning:
        total += usage.output_reasoning
    usage.output_tokens = total
    rest = total - usage.output_reasoning
    if usage.audio_out > rest:
        usage.audio_out = rest
    usage.output_text = rest - usage.audio_out
