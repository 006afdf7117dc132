/* The text scan: what is looked for, as tables, and the search of one text.
 *
 * A seed is three bytes that every match of a pattern has at a fixed place. The prefilter (textscan_seek.h) finds blocks
 * with a seed, the exact tables tell which, and the seed's verifier (textscan_verify.h) decides on the range, as the
 * expression beside the pattern would: the oracle in the collector's tests searches with RE2 and these expressions.
 *
 * A text is searched as it stands, with JSON's escapes of white space and quotes as spaces, and once more decoded when
 * escapes hide characters (textscan_escapes.h).
 */
#ifndef LLM_OBS_TEXTSCAN_H
#define LLM_OBS_TEXTSCAN_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum ts_pattern {
    TS_EMAIL, TS_CREDIT_CARD, TS_US_SSN, TS_PHONE, TS_IBAN, TS_AWS_ACCESS_KEY, TS_AWS_SECRET_KEY, TS_GITHUB_TOKEN,
    TS_API_KEY, TS_GOOGLE_API_KEY, TS_SLACK_TOKEN, TS_JWT, TS_PRIVATE_KEY, TS_BEARER_TOKEN, TS_BASIC_CREDENTIALS,
    TS_URL_PASSWORD, TS_IPV4, TS_MAC_ADDRESS, TS_PATTERNS
};

static const char *const TS_NAMES[TS_PATTERNS] = {
    "email", "credit_card", "us_ssn", "phone", "iban", "aws_access_key", "aws_secret_key", "github_token",
    "api_key", "google_api_key", "slack_token", "jwt", "private_key", "bearer_token", "basic_credentials",
    "url_password", "ipv4", "mac_address"
};

enum { TS_KERNEL_PORTABLE, TS_KERNEL_SSSE3, TS_KERNEL_AVX2, TS_KERNELS };
static const char *const TS_KERNEL_NAMES[TS_KERNELS] = {"portable", "ssse3", "avx2"};

/* What is looked for, and how; immutable once made. */
typedef struct {
    uint32_t has[3][256];             /* by place and byte: the seeds that may have it there */
    uint8_t low[3][16], high[3][16];  /* the same by nibbles and buckets, for the vector kernels */
    uint64_t numbers;                 /* all bits: numbers are looked for */
    int kernel;
} ts_rules;

enum { TS_DECODED = 1, TS_SPLITS = 2 };

/* start … end: the range in the text. from … to: the same in the view it was found in. */
typedef struct {
    uint32_t start, end, from, to;
    uint8_t pattern;
    uint8_t flags;  /* TS_DECODED: found in the decoded view. TS_SPLITS: began within an escape that it now includes */
} ts_hit;

/* An escape of the text, and what it became in the decoded view. */
typedef struct { uint32_t at, end, here, here_end; } ts_escape;

/* The search of one text; one per call of `ts_search`'s caller, its memory is used again for the next text. */
typedef struct {
    const ts_rules *rules;
    const uint8_t *p;                /* the view being searched */
    uint32_t n;
    uint32_t resume[TS_PATTERNS];    /* where a pattern's last match ended: matches of one pattern do not overlap */
    uint32_t run_at[3], run_end[3];  /* of a JWT's parts: runs already measured */
    uint32_t pem_at, pem_end;        /* a run of PEM characters that is known to hold no END line */
    ts_hit *hits;
    size_t hit_count, hit_room;
    ts_escape *escapes;
    size_t escape_count, escape_room;
    const uint8_t *views[2];         /* of the last text: as it stands, decoded */
    uint8_t *plain, *decoded;        /* memory for views that differ from the text, with TS_SLACK bytes past their end */
    size_t plain_room, decoded_room;
    int failed;                      /* out of memory */
} ts_search;

#define TS_SLACK 64

static void *ts_room(ts_search *s, void *old, size_t *room, size_t wanted, size_t size) {
    void *fresh;
    if (wanted <= *room) return old;
    fresh = realloc(old, (wanted + wanted / 2 + TS_SLACK) * size);
    if (fresh == NULL) {
        s->failed = 1;
        return NULL;
    }
    *room = wanted + wanted / 2 + TS_SLACK;
    return fresh;
}

static void ts_add(ts_search *s, int pattern, uint32_t start, uint32_t end) {
    void *fresh = ts_room(s, s->hits, &s->hit_room, s->hit_count + 1, sizeof(ts_hit));
    ts_hit hit = {start, end, start, end, (uint8_t)pattern, 0};
    if (fresh == NULL) return;
    s->hits = fresh;
    s->hits[s->hit_count++] = hit;
}

#include "textscan_verify.h"
#include "textscan_escapes.h"

/* A seed: its three bytes as sets ("" is any byte), its distance from where its verifier begins, its bucket. The buckets
 * were chosen for the fewest false alarms in English text and JSON. */
typedef struct {
    uint32_t patterns;  /* bits of the patterns that need it */
    int bucket;
    const char *set[3];
    uint32_t back;
    void (*verify)(ts_search *s, uint32_t at, const struct ts_key *key);
    const struct ts_key *key;
} ts_seed;

enum { TS_NUMBERS = -1 };  /* no bucket: these begin where a number does */

#define BIT(pattern) (1u << (pattern))
static const ts_seed TS_SEEDS[] = {
    {BIT(TS_EMAIL), 0, {"@", "", ""}, 0, ts_email, NULL},
    {BIT(TS_URL_PASSWORD), 0, {"@", "", ""}, 0, ts_url_password, NULL},
    {BIT(TS_CREDIT_CARD), TS_NUMBERS, {"2-6", "0-9", "0-9"}, 0, ts_credit_card, NULL},
    {BIT(TS_US_SSN), TS_NUMBERS, {"0-9", "0-9", "0-9"}, 0, ts_us_ssn, NULL},
    {BIT(TS_IPV4), 1, {"0-9", ".", "0-9"}, 0, ts_ipv4, NULL},
    {BIT(TS_MAC_ADDRESS), 1, {"0-9A-Fa-f", ":", "0-9A-Fa-f"}, 1, ts_mac_address, NULL},
    {BIT(TS_GITHUB_TOKEN), 1, {"g", "h", "oprsu"}, 0, ts_key_format, &TS_GITHUB},
    {BIT(TS_PHONE), 2, {"+", "1-9", ""}, 0, ts_phone, NULL},
    {BIT(TS_IBAN), 3, {"A-Z", "A-Z", "0-9"}, 0, ts_iban, NULL},
    {BIT(TS_JWT), 4, {"e", "y", "J"}, 0, ts_jwt, NULL},
    {BIT(TS_GOOGLE_API_KEY), 4, {"A", "I", "z"}, 0, ts_key_format, &TS_GOOGLE},
    {BIT(TS_BEARER_TOKEN), 4, {"Bb", "Ee", "Aa"}, 0, ts_bearer_token, NULL},
    {BIT(TS_GITHUB_TOKEN), 5, {"u", "b", "_"}, 4, ts_key_format, &TS_GITHUB_PAT},
    {BIT(TS_AWS_SECRET_KEY), 5, {"Ee", "Cc", "Rr"}, 1, ts_aws_secret_key, NULL},
    {BIT(TS_AWS_ACCESS_KEY), 6, {"A", "KS", "I"}, 0, ts_key_format, &TS_AWS},
    {BIT(TS_PRIVATE_KEY), 6, {"E", "G", "I"}, 6, ts_private_key, NULL},
    {BIT(TS_SLACK_TOKEN), 6, {"x", "o", "x"}, 0, ts_key_format, &TS_SLACK_KEY},
    {BIT(TS_API_KEY), 7, {"s", "k", "-"}, 0, ts_key_format, &TS_SK},
    {BIT(TS_BASIC_CREDENTIALS), 7, {"Ss", "Ii", "Cc"}, 2, ts_basic_credentials, NULL},
};
enum { TS_SEED_COUNT = sizeof(TS_SEEDS) / sizeof(TS_SEEDS[0]) };

static int ts_in_set(const char *set, int byte) {
    if (*set == 0) return 1;
    for (; *set; set++) {
        if (set[1] == '-' && set[2]) {
            if (byte >= set[0] && byte <= set[2]) return 1;
            set += 2;
        } else if (byte == *set) {
            return 1;
        }
    }
    return 0;
}

/* One candidate: what it can be by the exact tables is verified. `ready`: whether the search's memory of this view is new. */
static int ts_candidate(ts_search *s, uint32_t at, int ready) {
    const ts_rules *rules = s->rules;
    uint32_t seeds = rules->has[0][s->p[at]];
    seeds &= rules->has[1][at + 1 < s->n ? s->p[at + 1] : 0];
    seeds &= rules->has[2][at + 2 < s->n ? s->p[at + 2] : 0];
    if (seeds == 0) return ready;
    if (!ready) {
        memset(s->resume, 0, sizeof(s->resume));
        memset(s->run_end, 0, sizeof(s->run_end));
        s->pem_end = 0;
    }
    for (; seeds; seeds &= seeds - 1) {
        const ts_seed *seed = &TS_SEEDS[__builtin_ctz(seeds)];
        if (at >= seed->back) seed->verify(s, at - seed->back, seed->key);
    }
    return 1;
}

#include "textscan_seek.h"

/* Rules for the patterns of a mask. */
static void ts_compile(ts_rules *rules, uint32_t patterns, int kernel) {
    memset(rules, 0, sizeof(*rules));
    rules->kernel = kernel;
    for (int seed = 0; seed < TS_SEED_COUNT; seed++) {
        if (!(TS_SEEDS[seed].patterns & patterns)) continue;
        if (TS_SEEDS[seed].bucket == TS_NUMBERS) rules->numbers = ~(uint64_t)0;
        for (int k = 0; k < 3; k++)
            for (int byte = 0; byte < 256; byte++)
                if (ts_in_set(TS_SEEDS[seed].set[k], byte)) {
                    uint8_t bucket = TS_SEEDS[seed].bucket == TS_NUMBERS ? 0 : (uint8_t)(1 << TS_SEEDS[seed].bucket);
                    rules->has[k][byte] |= 1u << seed;
                    rules->low[k][byte & 15] |= bucket;
                    rules->high[k][byte >> 4] |= bucket;
                }
    }
}

/* Fills s->hits with what is found in a text; no two of one pattern overlap. They are valid until the next text. */
static void ts_text(ts_search *s, const uint8_t *p, uint32_t n, size_t readable) {
    size_t plain_count;
    uint32_t decoded_n;
    s->hit_count = 0;
    s->views[0] = p;
    if (n < TS_SHORTEST || ts_view(s, p, n, readable, 1)) return;
    s->hit_count = 0;
    if (!ts_neutral(s, p, n)) return;
    s->views[0] = s->plain;
    ts_view(s, s->plain, n, n + TS_SLACK, 0);
    if (s->escape_count == 0) return;
    plain_count = s->hit_count;
    decoded_n = ts_decode(s, p, n);
    if (s->failed) return;
    s->views[1] = s->decoded;
    ts_view(s, s->decoded, decoded_n, decoded_n + TS_SLACK, 0);
    if (s->hit_count && !s->failed) ts_settle(s, plain_count);
}

/* The bytes that a hit of the last text was found as. */
static inline const uint8_t *ts_value(const ts_search *s, const ts_hit *hit) {
    return s->views[hit->flags & TS_DECODED] + hit->from;
}

static void ts_free(ts_search *s) {
    free(s->hits);
    free(s->escapes);
    free(s->plain);
    free(s->decoded);
}
#endif
