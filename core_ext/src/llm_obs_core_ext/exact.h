/* Integer arithmetic of 128 bits for scaling and money. */
#ifndef LLM_OBS_EXACT_H
#define LLM_OBS_EXACT_H
#include <stdint.h>

typedef __int128 wide_int;

static inline wide_int wide_add(wide_int total, int64_t value, int minus) { return minus ? total - value : total + value; }

/* Whether a total is a count of 64 bits. */
static inline int wide_count(wide_int total, int64_t *out) {
    *out = (int64_t)total;
    return total >= 0 && total <= INT64_MAX;
}

/* value * numerator / denominator, rounded half up; 0 when it has more than 64 bits. Factors are from 1 to 2^53. */
static inline int scale_exact(int64_t value, int64_t numerator, int64_t denominator, int64_t *out) {
    __int128 twice = (__int128)denominator * 2;
    __int128 scaled = (__int128)value * numerator * 2 + denominator;
    __int128 result = scaled / twice;
    if (scaled % twice < 0) result--;
    if (result < INT64_MIN || result > INT64_MAX) return 0;
    *out = (int64_t)result;
    return 1;
}

/* What `count` buckets of tokens cost in nano-dollars at pico-dollars a token, rounded once, half up, saturating. */
static inline int64_t nano_cost(const int64_t *tokens, const int64_t *prices, int count, int64_t request) {
    __int128 pico = request;
    for (int i = 0; i < count; i++) pico += (__int128)tokens[i] * prices[i];
    pico = (pico + 500) / 1000;
    return pico > INT64_MAX ? INT64_MAX : (int64_t)pico;
}
#endif
