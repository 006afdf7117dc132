/* Spans already seen, within bounded memory: two keyed hashes a span, kept in two generations of one table.
 *
 * Who a span is, is SipHash-2-4-128 under a key that is random in each process: nobody can make another span that takes
 * a span's slot. What it says is a fast keyed hash, since a sender who finds two equal ones hides only its own change.
 * A slot keeps 80 bits of the first and 48 of the second: two of 10^7 spans are taken for one with a chance of 10^-17 a
 * span, and 16 bytes at a load of at most two thirds are 24 bytes an entry.
 */
#ifndef LLM_OBS_DEDUP_H
#define LLM_OBS_DEDUP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DEDUP_START_SLOTS 1024
#define DEDUP_MAP_BYTES (4 << 20)
#define DEDUP_ID_BITS 48 /* `rest` has 16 bits of the identity above 48 of the facts */

typedef struct {
    uint64_t id; /* 0: empty */
    uint64_t rest;
} DedupSlot;

typedef struct {
    DedupSlot *slots;
    size_t size, used;
} DedupTable;

typedef struct {
    DedupTable current, previous;
    size_t full; /* slots of a generation that grows no more */
    uint64_t evicted;
} Dedup;

/* Slots of zeros. Large tables come in huge pages, where the system has them: every look is at a page of its own. */
static DedupSlot *dedup_alloc(size_t size) {
    size_t bytes = size * sizeof(DedupSlot);
    if (bytes < DEDUP_MAP_BYTES) return (DedupSlot *)calloc(size, sizeof(DedupSlot));
    void *slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED) return NULL;
    madvise(slots, bytes, MADV_HUGEPAGE);
    return (DedupSlot *)slots;
}

static void dedup_free(DedupTable *table) {
    size_t bytes = table->size * sizeof(DedupSlot);
    if (bytes < DEDUP_MAP_BYTES) free(table->slots);
    else if (table->slots) munmap(table->slots, bytes);
    table->slots = NULL;
}

static inline uint64_t dedup_u64(const uint8_t *p) {
    uint64_t value;
    memcpy(&value, p, 8);
    return value;
}

#define DEDUP_ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))
#define DEDUP_SIP_ROUND()                                                   \
    v0 += v1; v1 = DEDUP_ROTL(v1, 13); v1 ^= v0; v0 = DEDUP_ROTL(v0, 32);   \
    v2 += v3; v3 = DEDUP_ROTL(v3, 16); v3 ^= v2;                            \
    v0 += v3; v3 = DEDUP_ROTL(v3, 21); v3 ^= v0;                            \
    v2 += v1; v1 = DEDUP_ROTL(v1, 17); v1 ^= v2; v2 = DEDUP_ROTL(v2, 32)
#define DEDUP_SIP_WORD(word) \
    v3 ^= (word); DEDUP_SIP_ROUND(); DEDUP_SIP_ROUND(); v0 ^= (word)

/* SipHash-2-4 with 128 bits (Aumasson and Bernstein). */
static inline void dedup_siphash(const uint64_t key[2], const uint8_t *p, size_t n, uint64_t out[2]) {
    uint64_t v0 = 0x736f6d6570736575ULL ^ key[0], v1 = 0x646f72616e646f6dULL ^ key[1] ^ 0xee;
    uint64_t v2 = 0x6c7967656e657261ULL ^ key[0], v3 = 0x7465646279746573ULL ^ key[1];
    uint64_t last = (uint64_t)n << 56;
    uint8_t rest[8] = {0};
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word = dedup_u64(p);
        DEDUP_SIP_WORD(word);
    }
    if (n) memcpy(rest, p, n);
    last |= dedup_u64(rest);
    DEDUP_SIP_WORD(last);
    v2 ^= 0xee;
    for (int i = 0; i < 4; i++) { DEDUP_SIP_ROUND(); }
    out[0] = v0 ^ v1 ^ v2 ^ v3;
    v1 ^= 0xdd;
    for (int i = 0; i < 4; i++) { DEDUP_SIP_ROUND(); }
    out[1] = v0 ^ v1 ^ v2 ^ v3;
}

/* Both halves of a product in one word. */
static inline uint64_t dedup_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t dedup_facts(const uint64_t secret[4], const uint8_t *p, size_t n) {
    uint64_t a = secret[0] ^ n, b = secret[1], c = secret[2], d = secret[3];
    uint8_t rest[16] = {0};
    if (n >= 64) { /* four lanes side by side: a product takes three cycles and one may begin in each */
        for (; n >= 64; p += 64, n -= 64) {
            a = dedup_fold(dedup_u64(p) ^ secret[1], dedup_u64(p + 8) ^ a);
            b = dedup_fold(dedup_u64(p + 16) ^ secret[2], dedup_u64(p + 24) ^ b);
            c = dedup_fold(dedup_u64(p + 32) ^ secret[3], dedup_u64(p + 40) ^ c);
            d = dedup_fold(dedup_u64(p + 48) ^ secret[0], dedup_u64(p + 56) ^ d);
        }
        a = dedup_fold(a ^ secret[2], b ^ secret[3]) ^ dedup_fold(c ^ secret[0], d ^ secret[1]);
    }
    for (; n >= 16; p += 16, n -= 16) a = dedup_fold(dedup_u64(p) ^ secret[1], dedup_u64(p + 8) ^ a);
    if (n) memcpy(rest, p, n);
    a = dedup_fold(dedup_u64(rest) ^ secret[2], dedup_u64(rest + 8) ^ a);
    return dedup_fold(a ^ secret[3], secret[0]);
}

static inline size_t dedup_home(const DedupTable *table, uint64_t id) {
    return (size_t)(((unsigned __int128)id * table->size) >> 64);
}

static inline void dedup_prefetch(const Dedup *index, uint64_t id) {
    __builtin_prefetch(index->current.slots + dedup_home(&index->current, id), 1);
    if (index->previous.slots) __builtin_prefetch(index->previous.slots + dedup_home(&index->previous, id));
}

/* The slot of an identity, or the empty one where it belongs. A table always has empty ones. */
static inline DedupSlot *dedup_slot(const DedupTable *table, uint64_t id, uint64_t rest) {
    size_t at = dedup_home(table, id);
    for (;;) {
        DedupSlot *slot = table->slots + at;
        if (!slot->id || (slot->id == id && !((slot->rest ^ rest) >> DEDUP_ID_BITS))) return slot;
        if (++at == table->size) at = 0;
    }
}

static inline size_t dedup_room(const DedupTable *table) { return table->size / 3 * 2; }

static int dedup_grow(DedupTable *table, size_t size) {
    DedupTable bigger = {dedup_alloc(size), size, table->used};
    if (!bigger.slots) return 0;
    for (size_t at = 0; at < table->size; at++) {
        DedupSlot *slot = table->slots + at;
        if (slot->id) *dedup_slot(&bigger, slot->id, slot->rest) = *slot;
    }
    dedup_free(table);
    *table = bigger;
    return 1;
}

/* Drops the older generation and begins a new one. Where there is no memory for it, all is dropped: this never fails. */
static void dedup_rotate(Dedup *index) {
    DedupTable fresh = index->previous;
    index->evicted += fresh.used;
    if (fresh.size == index->full) {
        memset(fresh.slots, 0, fresh.size * sizeof(DedupSlot));
    } else {
        dedup_free(&fresh);
        fresh.size = index->full;
        fresh.slots = dedup_alloc(fresh.size);
    }
    fresh.used = 0;
    if (fresh.slots) {
        index->previous = index->current;
    } else {
        fresh = index->current;
        memset(fresh.slots, 0, fresh.size * sizeof(DedupSlot));
        index->evicted += fresh.used;
        fresh.used = 0;
        memset(&index->previous, 0, sizeof(DedupTable));
    }
    index->current = fresh;
}

static void dedup_make_room(Dedup *index) {
    DedupTable *current = &index->current;
    size_t size = current->size > index->full / 2 ? index->full : current->size * 2;
    if (size == current->size || !dedup_grow(current, size)) dedup_rotate(index);
}

/* 1: seen for the first time; 0: seen before, with these facts; 2: with others, which are forgotten. */
static inline uint8_t dedup_mark(Dedup *index, uint64_t id, uint64_t rest) {
    DedupSlot *slot = dedup_slot(&index->current, id, rest);
    if (!slot->id && index->previous.slots) {
        DedupSlot *older = dedup_slot(&index->previous, id, rest);
        if (older->id) slot = older;
    }
    if (slot->id) {
        if (slot->rest == rest) return 0;
        slot->rest = rest;
        return 2;
    }
    if (index->current.used >= dedup_room(&index->current)) {
        dedup_make_room(index);
        slot = dedup_slot(&index->current, id, rest);
    }
    slot->id = id;
    slot->rest = rest;
    index->current.used++;
    return 1;
}

#endif
