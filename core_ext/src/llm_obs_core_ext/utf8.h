/* Whether bytes are UTF-8 by RFC 3629: no surrogates, nothing above U+10FFFF, nothing longer than needed. */
#ifndef LLM_OBS_UTF8_H
#define LLM_OBS_UTF8_H
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#define LLM_OBS_AVX2 1
#include <immintrin.h>
#endif

static inline uint64_t load64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }

/* Length of the ASCII prefix, or less by up to 15 bytes at its end. */
static inline size_t ascii_prefix(const uint8_t *p, size_t n) {
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 32 <= n; i += 32) {
        __m128i a = _mm_loadu_si128((const __m128i *)(p + i)), b = _mm_loadu_si128((const __m128i *)(p + i + 16));
        if (_mm_movemask_epi8(_mm_or_si128(a, b))) return i;
    }
#endif
    for (; i + 8 <= n; i += 8)
        if (load64(p + i) & 0x8080808080808080ULL) return i;
    return i;
}

/* Character by character; the reference of the vector form. */
static int utf8_valid_portable(const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint8_t c = p[i];
        if (c < 0x80) {
            /* Jump to the first byte of the next eight that is not ASCII, or over long runs. */
            uint64_t high = n - i >= 8 ? load64(p + i) & 0x8080808080808080ULL : 0x80 << 8;
            i += high ? (size_t)__builtin_ctzll(high) >> 3 : 8 + ascii_prefix(p + i + 8, n - i - 8);
        } else if (c < 0xc2) {
            return 0;
        } else if (c < 0xe0) {
            if (n - i < 2 || (p[i + 1] & 0xc0) != 0x80) return 0;
            i += 2;
        } else if (c < 0xf0) {
            if (n - i < 3 || (p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80) return 0;
            if ((c == 0xe0 && p[i + 1] < 0xa0) || (c == 0xed && p[i + 1] > 0x9f)) return 0;
            i += 3;
        } else {
            if (c > 0xf4 || n - i < 4 || (p[i + 1] & 0xc0) != 0x80 || (p[i + 2] & 0xc0) != 0x80 ||
                (p[i + 3] & 0xc0) != 0x80)
                return 0;
            if ((c == 0xf0 && p[i + 1] < 0x90) || (c == 0xf4 && p[i + 1] > 0x8f)) return 0;
            i += 4;
        }
    }
    return 1;
}

#ifdef LLM_OBS_AVX2
/* What can be wrong with two neighbouring bytes, a bit each; a pair is wrong when three tables (high half of the first,
   low half of the first, high half of the second) agree on a bit. (Keiser and Lemire, "Validating UTF-8 in less than
   one instruction per byte", 2021.) */
enum {
    U_SHORT = 1,     /* a leading byte, and no continuation behind it */
    U_LONG = 2,      /* ASCII, and a continuation behind it */
    U_OVER3 = 4,     /* E0 80..9F */
    U_LARGE = 8,     /* F4 90.. and above */
    U_SURROGATE = 16,
    U_OVER2 = 32,    /* C0, C1 */
    U_OVER4 = 64,    /* F0 80..8F; with F5 80..8F and above */
    U_TWO = 128,     /* two continuations: wrong unless a leading byte of three or four is before them */
    U_ANY = U_SHORT | U_LONG | U_TWO
};

#define TWICE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

__attribute__((target("avx2"))) static inline __m256i utf8_wrong(__m256i now, __m256i before) {
    const __m256i high1 = TWICE(U_LONG, U_LONG, U_LONG, U_LONG, U_LONG, U_LONG, U_LONG, U_LONG, (char)U_TWO, (char)U_TWO,
                                (char)U_TWO, (char)U_TWO, U_SHORT | U_OVER2, U_SHORT, U_SHORT | U_OVER3 | U_SURROGATE,
                                U_SHORT | U_LARGE | U_OVER4);
    const char any = (char)U_ANY, big = (char)(U_ANY | U_LARGE | U_OVER4);
    const __m256i low1 = TWICE((char)(U_ANY | U_OVER2 | U_OVER3 | U_OVER4), (char)(U_ANY | U_OVER2), any, any,
                               (char)(U_ANY | U_LARGE), big, big, big, big, big, big, big, big,
                               (char)(U_ANY | U_LARGE | U_OVER4 | U_SURROGATE), big, big);
    const char both = (char)(U_LONG | U_OVER2 | U_TWO);
    const __m256i high2 = TWICE(U_SHORT, U_SHORT, U_SHORT, U_SHORT, U_SHORT, U_SHORT, U_SHORT, U_SHORT,
                                (char)(both | U_OVER3 | U_OVER4), (char)(both | U_OVER3 | U_LARGE),
                                (char)(both | U_SURROGATE | U_LARGE), (char)(both | U_SURROGATE | U_LARGE), U_SHORT,
                                U_SHORT, U_SHORT, U_SHORT);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i shifted = _mm256_permute2x128_si256(before, now, 0x21);
    __m256i one = _mm256_alignr_epi8(now, shifted, 15);
    __m256i two = _mm256_alignr_epi8(now, shifted, 14);
    __m256i three = _mm256_alignr_epi8(now, shifted, 13);
    __m256i pair = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(high1, _mm256_and_si256(_mm256_srli_epi16(one, 4), low)),
                         _mm256_shuffle_epi8(low1, _mm256_and_si256(one, low))),
        _mm256_shuffle_epi8(high2, _mm256_and_si256(_mm256_srli_epi16(now, 4), low)));
    /* The third byte of three and the third and fourth of four must be a second continuation, no other byte may. */
    __m256i must = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xe0 - 0x80)),
                                   _mm256_subs_epu8(three, _mm256_set1_epi8(0xf0 - 0x80)));
    return _mm256_xor_si256(pair, _mm256_and_si256(must, _mm256_set1_epi8((char)0x80)));
}

__attribute__((target("avx2"))) static int utf8_valid_avx2(const uint8_t *p, size_t n) {
    /* The greatest bytes that may end a block without asking for more. */
    const __m256i last = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                          -1, -1, -1, -1, -1, -1, -1, -1, -1, (char)0xef, (char)0xdf, (char)0xbf);
    __m256i before = _mm256_setzero_si256(), open = before, wrong = before, now;
    uint8_t rest[32] = {0};
    size_t i;
    for (i = 0; i < n; i += 32) {
        if (n - i >= 32) {
            now = _mm256_loadu_si256((const __m256i *)(p + i));
        } else {
            memcpy(rest, p + i, n - i);
            now = _mm256_loadu_si256((const __m256i *)rest);
        }
        if (_mm256_movemask_epi8(now) == 0) {
            wrong = _mm256_or_si256(wrong, open);
            open = _mm256_setzero_si256();
        } else {
            wrong = _mm256_or_si256(wrong, utf8_wrong(now, before));
            open = _mm256_subs_epu8(now, last);
        }
        before = now;
    }
    wrong = _mm256_or_si256(wrong, open); /* a block that is filled up with zeros has found this itself */
    return _mm256_testz_si256(wrong, wrong);
}
#endif

static int utf8_valid_slow(const uint8_t *p, size_t n) {
#ifdef LLM_OBS_AVX2
    if (n >= 32 && __builtin_cpu_supports("avx2")) return utf8_valid_avx2(p, n);
#endif
    return utf8_valid_portable(p, n);
}

static inline int utf8_valid(const uint8_t *p, size_t n) {
    const uint64_t high = 0x8080808080808080ULL;
    size_t i;
    if (n > 32) {
        i = ascii_prefix(p, n);
        if (i + 8 > n && !(load64(p + n - 8) & high)) return 1;
        return utf8_valid_slow(p + i, n - i);
    }
    if (n >= 16) {
        if (!((load64(p) | load64(p + 8) | load64(p + n - 16) | load64(p + n - 8)) & high)) return 1;
    } else if (n >= 8) {
        if (!((load64(p) | load64(p + n - 8)) & high)) return 1;
    } else if (n >= 4) {
        if (!((load32(p) | load32(p + n - 4)) & (uint32_t)high)) return 1;
    } else {
        if (n == 0 || !((p[0] | p[n >> 1] | p[n - 1]) & 0x80)) return 1;
    }
    return utf8_valid_portable(p, n);
}
#endif
