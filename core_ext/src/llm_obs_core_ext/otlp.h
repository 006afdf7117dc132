/* The shape of OTLP trace messages as tables, and the hash of keys. */
#ifndef LLM_OBS_OTLP_H
#define LLM_OBS_OTLP_H
#include <stdint.h>
#include <string.h>

#include "utf8.h"

enum otlp_message {
    M_REQUEST, M_RESOURCE_SPANS, M_SCOPE_SPANS, M_SPAN, M_EVENT, M_LINK, M_STATUS, M_KEYVALUE, M_ANYVALUE, M_ARRAY,
    M_KVLIST, M_SCOPE, M_RESOURCE, M_ENTITY, M_COUNT
};

/* What a field holds. Repeated ones come last. K_ABSENT: the index fields of profiles, treated as absent. */
enum otlp_kind {
    K_UNKNOWN, K_STRING, K_BYTES, K_TEXTBYTES, K_MESSAGE, K_U32, K_I32, K_I64, K_BOOL, K_F64, K_F32, K_ABSENT,
    K_STRINGS, K_MESSAGES
};

#define OTLP_FIELDS 17
static const uint8_t OTLP_KIND[M_COUNT][OTLP_FIELDS] = {
    [M_REQUEST] = {[1] = K_MESSAGES},
    [M_RESOURCE_SPANS] = {[1] = K_MESSAGE, [2] = K_MESSAGES, [3] = K_STRING},
    [M_SCOPE_SPANS] = {[1] = K_MESSAGE, [2] = K_MESSAGES, [3] = K_STRING},
    [M_SPAN] = {[1] = K_BYTES, [2] = K_BYTES, [3] = K_STRING, [4] = K_BYTES, [5] = K_STRING, [6] = K_I32, [7] = K_F64,
                [8] = K_F64, [9] = K_MESSAGES, [10] = K_U32, [11] = K_MESSAGES, [12] = K_U32, [13] = K_MESSAGES,
                [14] = K_U32, [15] = K_MESSAGE, [16] = K_F32},
    [M_EVENT] = {[1] = K_F64, [2] = K_STRING, [3] = K_MESSAGES, [4] = K_U32},
    [M_LINK] = {[1] = K_BYTES, [2] = K_BYTES, [3] = K_STRING, [4] = K_MESSAGES, [5] = K_U32, [6] = K_F32},
    [M_STATUS] = {[2] = K_STRING, [3] = K_I32},
    [M_KEYVALUE] = {[1] = K_STRING, [2] = K_MESSAGE, [3] = K_ABSENT},
    [M_ANYVALUE] = {[1] = K_STRING, [2] = K_BOOL, [3] = K_I64, [4] = K_F64, [5] = K_MESSAGE, [6] = K_MESSAGE,
                    [7] = K_TEXTBYTES, [8] = K_ABSENT},
    [M_ARRAY] = {[1] = K_MESSAGES},
    [M_KVLIST] = {[1] = K_MESSAGES},
    [M_SCOPE] = {[1] = K_STRING, [2] = K_STRING, [3] = K_MESSAGES, [4] = K_U32},
    [M_RESOURCE] = {[1] = K_MESSAGES, [2] = K_U32, [3] = K_MESSAGES},
    [M_ENTITY] = {[1] = K_STRING, [2] = K_STRING, [3] = K_STRINGS, [4] = K_STRINGS},
};
static const uint8_t OTLP_CHILD[M_COUNT][OTLP_FIELDS] = {
    [M_REQUEST] = {[1] = M_RESOURCE_SPANS},
    [M_RESOURCE_SPANS] = {[1] = M_RESOURCE, [2] = M_SCOPE_SPANS},
    [M_SCOPE_SPANS] = {[1] = M_SCOPE, [2] = M_SPAN},
    [M_SPAN] = {[9] = M_KEYVALUE, [11] = M_EVENT, [13] = M_LINK, [15] = M_STATUS},
    [M_EVENT] = {[3] = M_KEYVALUE},
    [M_LINK] = {[4] = M_KEYVALUE},
    [M_KEYVALUE] = {[2] = M_ANYVALUE},
    [M_ANYVALUE] = {[5] = M_ARRAY, [6] = M_KVLIST},
    [M_ARRAY] = {[1] = M_ANYVALUE},
    [M_KVLIST] = {[1] = M_KEYVALUE},
    [M_SCOPE] = {[3] = M_KEYVALUE},
    [M_RESOURCE] = {[1] = M_KEYVALUE, [3] = M_ENTITY},
};
/* The wire type of a kind; 7 is no wire type. */
static const uint8_t OTLP_WIRE[] = {7, 2, 2, 2, 2, 0, 0, 0, 0, 1, 5, 0, 2, 2};

static inline int otlp_kind(int message, uint32_t number, uint32_t wire) {
    int kind;
    if (number >= OTLP_FIELDS) return K_UNKNOWN;
    kind = OTLP_KIND[message][number];
    return OTLP_WIRE[kind] == wire ? kind : K_UNKNOWN;
}
static inline int otlp_child(int message, uint32_t number) { return OTLP_CHILD[message][number]; }

/* Keys are short: cheaper than a call of memcmp. */
static inline int same_bytes(const uint8_t *a, const uint8_t *b, uint32_t n) {
    uint32_t i;
    if (n >= 8) {
        for (i = 0; i + 8 <= n; i += 8)
            if (load64(a + i) != load64(b + i)) return 0;
        return load64(a + n - 8) == load64(b + n - 8);
    }
    for (i = 0; i < n; i++)
        if (a[i] != b[i]) return 0;
    return 1;
}

/* Independent multiplications, so that a long key costs little more than a short one. */
static inline uint32_t otlp_hash(const uint8_t *p, uint32_t n) {
    static const uint64_t K[4] = {0x9e3779b97f4a7c15ULL, 0xbf58476d1ce4e5b9ULL, 0x94d049bb133111ebULL,
                                  0xd6e8feb86659fd93ULL};
    uint64_t h = n * 0xff51afd7ed558ccdULL, w = 0;
    uint32_t i = 0, k = 0;
    if (n >= 8) {
        for (; i + 8 <= n; i += 8, k++) h += load64(p + i) * (K[k & 3] + 2 * (uint64_t)k);
        w = load64(p + n - 8);
    } else if (n >= 4) {
        w = load32(p) | (uint64_t)load32(p + n - 4) << 32;
    } else if (n) {
        w = p[0] | (uint64_t)p[n >> 1] << 8 | (uint64_t)p[n - 1] << 16;
    }
    h += (w ^ (w >> 29)) * 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 32;
    return (uint32_t)(h * 0x9e3779b97f4a7c15ULL >> 32);
}
#endif
