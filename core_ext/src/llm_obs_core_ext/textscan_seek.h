/* The prefilter: the places of a text that hold a seed, or look as if.
 *
 * The vector kernels look the nibbles of three neighbouring bytes up in tables of buckets (one bit a bucket): a place whose
 * three bytes have a bucket in common is a candidate. Buckets mix seeds, and nibbles mix bytes, so there are false alarms,
 * which the exact tables turn away. Where a number begins is told from the bits of all digits instead, since numbers are
 * everywhere. The portable kernel asks the exact tables at once.
 */
#ifndef LLM_OBS_TEXTSCAN_SEEK_H
#define LLM_OBS_TEXTSCAN_SEEK_H
#if defined(__x86_64__) && defined(__GNUC__)
#define LLM_OBS_TEXTSCAN_X86 1
#include <immintrin.h>
#endif

enum { TS_BLOCK_SHORT = 16, TS_BLOCK_LONG = 32 };

static inline uint64_t ts_block_portable(const ts_rules *r, const uint8_t *p, int after_digit, uint64_t *backslash) {
    uint64_t found = 0, slash = 0;
    for (int i = 0; i < TS_BLOCK_LONG; i++) {
        found |= (uint64_t)((r->has[0][p[i]] & r->has[1][p[i + 1]] & r->has[2][p[i + 2]]) != 0) << i;
        slash |= (uint64_t)(p[i] == '\\') << i;
    }
    (void)after_digit;
    *backslash = slash;
    return found;
}

/* Of the digits of a block (bits), those that begin a run of three, as far as it can be seen here. */
static inline uint64_t ts_numbers(const ts_rules *r, uint64_t digits, int step, int after_digit) {
    uint64_t last = (uint64_t)3 << (step - 2);
    return digits & ~(digits << 1 | (uint64_t)after_digit) & (digits >> 1 | last) & (digits >> 2 | last) & r->numbers;
}

#ifdef LLM_OBS_TEXTSCAN_X86
__attribute__((target("ssse3")))
static inline __m128i ts_buckets_ssse3(const ts_rules *r, int place, __m128i bytes) {
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i low = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)r->low[place]), _mm_and_si128(bytes, nibble));
    __m128i high = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)r->high[place]),
                                    _mm_and_si128(_mm_srli_epi16(bytes, 4), nibble));
    return _mm_and_si128(low, high);
}

__attribute__((target("ssse3")))
static inline uint64_t ts_block_ssse3(const ts_rules *r, const uint8_t *p, int after_digit, uint64_t *backslash) {
    __m128i first = _mm_loadu_si128((const __m128i *)p);
    __m128i digit = _mm_sub_epi8(first, _mm_set1_epi8('0'));
    uint32_t digits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
    __m128i found = ts_buckets_ssse3(r, 0, first);
    found = _mm_and_si128(found, ts_buckets_ssse3(r, 1, _mm_loadu_si128((const __m128i *)(p + 1))));
    found = _mm_and_si128(found, ts_buckets_ssse3(r, 2, _mm_loadu_si128((const __m128i *)(p + 2))));
    *backslash = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(first, _mm_set1_epi8('\\')));
    return ts_numbers(r, digits, TS_BLOCK_SHORT, after_digit) |
           (0xFFFF ^ (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_setzero_si128())));
}

__attribute__((target("avx2")))
static inline __m256i ts_buckets_avx2(const ts_rules *r, int place, __m256i bytes) {
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)r->low[place]));
    __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)r->high[place]));
    low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, nibble));
    high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
    return _mm256_and_si256(low, high);
}

__attribute__((target("avx2")))
static inline uint64_t ts_block_avx2(const ts_rules *r, const uint8_t *p, int after_digit, uint64_t *backslash) {
    __m256i first = _mm256_loadu_si256((const __m256i *)p);
    __m256i digit = _mm256_sub_epi8(first, _mm256_set1_epi8('0'));
    uint32_t digits =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(digit, _mm256_set1_epi8(9)), digit));
    __m256i found = ts_buckets_avx2(r, 0, first);
    found = _mm256_and_si256(found, ts_buckets_avx2(r, 1, _mm256_loadu_si256((const __m256i *)(p + 1))));
    found = _mm256_and_si256(found, ts_buckets_avx2(r, 2, _mm256_loadu_si256((const __m256i *)(p + 2))));
    *backslash = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(first, _mm256_set1_epi8('\\')));
    return ts_numbers(r, digits, TS_BLOCK_LONG, after_digit) |
           (uint32_t)~_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256()));
}
#endif

/* The loop around a block: hands every candidate of the view to `ts_candidate`, and returns 1; or 0 as soon as there is a
 * backslash, when `raw`. The last bytes before the end of what may be read are looked at in a copy. */
#define TS_VIEW(name, block, step, attributes)                                                                           \
    attributes static int name(ts_search *s, size_t readable, int raw) {                                                 \
        const ts_rules *r = s->rules;                                                                                    \
        const uint8_t *p = s->p;                                                                                         \
        uint8_t pad[(step) + 2];                                                                                         \
        uint64_t found, slash;                                                                                           \
        uint32_t n = s->n;                                                                                               \
        int ready = 0;                                                                                                   \
        for (uint32_t at = 0; at < n; at += (step)) {                                                                    \
            int after_digit = at && ts_is(s, at - 1, C_DIGIT);                                                           \
            if ((size_t)at + (step) + 2 <= readable) {                                                                   \
                found = block(r, p + at, after_digit, &slash);                                                           \
            } else {                                                                                                     \
                memset(pad, 0, sizeof(pad));                                                                             \
                memcpy(pad, p + at, readable - at < sizeof(pad) ? readable - at : sizeof(pad));                          \
                found = block(r, pad, after_digit, &slash);                                                              \
            }                                                                                                            \
            if (n - at < (step)) {                                                                                       \
                found &= ((uint64_t)1 << (n - at)) - 1;                                                                  \
                slash &= ((uint64_t)1 << (n - at)) - 1;                                                                  \
            }                                                                                                            \
            if (raw && slash) return 0;                                                                                  \
            for (; found; found &= found - 1) ready = ts_candidate(s, at + (uint32_t)__builtin_ctzll(found), ready);     \
        }                                                                                                                \
        return 1;                                                                                                        \
    }

TS_VIEW(ts_view_portable, ts_block_portable, TS_BLOCK_LONG, )
#ifdef LLM_OBS_TEXTSCAN_X86
TS_VIEW(ts_view_ssse3, ts_block_ssse3, TS_BLOCK_SHORT, __attribute__((target("ssse3"))))
TS_VIEW(ts_view_avx2, ts_block_avx2, TS_BLOCK_LONG, __attribute__((target("avx2"))))
#endif

/* Searches one view. `readable`: bytes from p that may be read. Returns 0 when `raw` and there is a backslash. */
static int ts_view(ts_search *s, const uint8_t *p, uint32_t n, size_t readable, int raw) {
    s->p = p;
    s->n = n;
#ifdef LLM_OBS_TEXTSCAN_X86
    if (s->rules->kernel == TS_KERNEL_AVX2) return ts_view_avx2(s, readable, raw);
    if (s->rules->kernel == TS_KERNEL_SSSE3) return ts_view_ssse3(s, readable, raw);
#endif
    return ts_view_portable(s, readable, raw);
}

/* The fastest kernel that this processor has. */
static int ts_best_kernel(void) {
#ifdef LLM_OBS_TEXTSCAN_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return TS_KERNEL_AVX2;
    if (__builtin_cpu_supports("ssse3")) return TS_KERNEL_SSSE3;
#endif
    return TS_KERNEL_PORTABLE;
}
#endif
