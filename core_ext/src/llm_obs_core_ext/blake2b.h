/* BLAKE2b (RFC 7693) with a key, for many short texts: the state behind the key's block is made once. */
#ifndef LLM_OBS_BLAKE2B_H
#define LLM_OBS_BLAKE2B_H
#include <stdint.h>
#include <string.h>

struct blake2b {
    uint64_t fresh[8]; /* parameters mixed in, nothing hashed */
    uint64_t keyed[8]; /* after the key's block */
    uint8_t key[128];
    uint32_t digest_size;
};

static const uint64_t BLAKE2B_IV[8] = {
    0x6a09e667f3bcc908ULL, 0xbb67ae8584caa73bULL, 0x3c6ef372fe94f82bULL, 0xa54ff53a5f1d36f1ULL,
    0x510e527fade682d1ULL, 0x9b05688c2b3e6c1fULL, 0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL,
};

#define B2_ROTR(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define B2_MIX(a, b, c, d, x, y)          \
    a += b + (x); d = B2_ROTR(d ^ a, 32); \
    c += d; b = B2_ROTR(b ^ c, 24);       \
    a += b + (y); d = B2_ROTR(d ^ a, 16); \
    c += d; b = B2_ROTR(b ^ c, 63)
#define B2_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, sa, sb, sc, sd, se, sf) \
    B2_MIX(v0, v4, v8, vc, m[s0], m[s1]); B2_MIX(v1, v5, v9, vd, m[s2], m[s3]);  \
    B2_MIX(v2, v6, va, ve, m[s4], m[s5]); B2_MIX(v3, v7, vb, vf, m[s6], m[s7]);  \
    B2_MIX(v0, v5, va, vf, m[s8], m[s9]); B2_MIX(v1, v6, vb, vc, m[sa], m[sb]);  \
    B2_MIX(v2, v7, v8, vd, m[sc], m[sd]); B2_MIX(v3, v4, v9, ve, m[se], m[sf])

/* One block; `count` bytes were hashed with it. */
static inline void blake2b_block(uint64_t h[8], const uint8_t *block, uint64_t count, int last) {
    uint64_t m[16];
    uint64_t v0 = h[0], v1 = h[1], v2 = h[2], v3 = h[3], v4 = h[4], v5 = h[5], v6 = h[6], v7 = h[7];
    uint64_t v8 = BLAKE2B_IV[0], v9 = BLAKE2B_IV[1], va = BLAKE2B_IV[2], vb = BLAKE2B_IV[3];
    uint64_t vc = BLAKE2B_IV[4] ^ count, vd = BLAKE2B_IV[5], ve = last ? ~BLAKE2B_IV[6] : BLAKE2B_IV[6];
    uint64_t vf = BLAKE2B_IV[7];
    memcpy(m, block, 128); /* little endian, as every machine we build for */
    B2_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    B2_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    B2_ROUND(11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4);
    B2_ROUND(7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8);
    B2_ROUND(9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13);
    B2_ROUND(2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9);
    B2_ROUND(12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11);
    B2_ROUND(13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10);
    B2_ROUND(6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5);
    B2_ROUND(10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0);
    B2_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    B2_ROUND(14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3);
    h[0] ^= v0 ^ v8; h[1] ^= v1 ^ v9; h[2] ^= v2 ^ va; h[3] ^= v3 ^ vb;
    h[4] ^= v4 ^ vc; h[5] ^= v5 ^ vd; h[6] ^= v6 ^ ve; h[7] ^= v7 ^ vf;
}

/* key_size 1 to 64, digest_size 1 to 64. */
static inline void blake2b_start(struct blake2b *s, const uint8_t *key, uint32_t key_size, uint32_t digest_size) {
    memcpy(s->fresh, BLAKE2B_IV, 64);
    s->fresh[0] ^= 0x01010000ULL ^ (uint64_t)key_size << 8 ^ digest_size;
    s->digest_size = digest_size;
    memset(s->key, 0, 128);
    memcpy(s->key, key, key_size);
    memcpy(s->keyed, s->fresh, 64);
    blake2b_block(s->keyed, s->key, 128, 0);
}

static inline void blake2b_digest(const struct blake2b *s, const uint8_t *text, uint64_t size, uint8_t *out) {
    uint64_t h[8], done = 128;
    uint8_t rest[128];
    if (size == 0) { /* the key's block is the last one */
        memcpy(h, s->fresh, 64);
        blake2b_block(h, s->key, 128, 1);
    } else {
        memcpy(h, s->keyed, 64);
        for (; size > 128; size -= 128, text += 128) blake2b_block(h, text, done += 128, 0);
        memset(rest, 0, 128);
        memcpy(rest, text, size);
        blake2b_block(h, rest, done + size, 1);
    }
    memcpy(out, h, s->digest_size);
}
#endif
