/* Byte ranges of one buffer and what is put in their place: gathered in any order, then sorted and made disjoint. */
#ifndef LLM_OBS_HITS_H
#define LLM_OBS_HITS_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t at;           /* first byte that is replaced */
    uint32_t end;          /* byte after the last */
    uint32_t text_at;      /* the replacement in HitTable.texts */
    uint32_t text_length;
} Hit;

typedef struct {
    Hit *hits;
    size_t count, room;
    uint8_t *texts;
    size_t used, text_room;
    int settled;           /* ascending and disjoint */
} HitTable;

static inline int hit_grow(void **place, size_t *room, size_t wanted, size_t size) {
    void *fresh;
    if (wanted <= *room) return 0;
    fresh = realloc(*place, (2 * wanted + 64) * size);
    if (fresh == NULL) return -1;
    *place = fresh;
    *room = 2 * wanted + 64;
    return 0;
}

/* Adds a replacement; -1 when out of memory. */
static inline int hit_add(HitTable *table, uint32_t at, uint32_t end, const uint8_t *text, uint32_t length) {
    Hit added = {at, end, (uint32_t)table->used, length};
    if (table->used + length > UINT32_MAX) return -1;
    if (hit_grow((void **)&table->hits, &table->room, table->count + 1, sizeof(Hit))) return -1;
    if (hit_grow((void **)&table->texts, &table->text_room, table->used + length, 1)) return -1;
    if (length) memcpy(table->texts + table->used, text, length);
    table->used += length;
    table->hits[table->count++] = added;
    table->settled = 0;
    return 0;
}

static inline int hit_order(const void *left, const void *right) {
    const Hit *a = left, *b = right;
    if (a->at != b->at) return a->at < b->at ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return a->text_at < b->text_at ? -1 : a->text_at > b->text_at;  /* the first added first */
}

/* Sorts; ranges that overlap become one, with the replacement of the first. */
static inline void hit_settle(HitTable *table) {
    Hit *last = table->hits;
    size_t i;
    if (table->settled || table->count == 0) return;
    for (i = 1; i < table->count && hit_order(&table->hits[i - 1], &table->hits[i]) <= 0; i++) {}
    if (i < table->count) qsort(table->hits, table->count, sizeof(Hit), hit_order);
    for (i = 1; i < table->count; i++) {
        if (table->hits[i].at >= last->end) *++last = table->hits[i];
        else if (table->hits[i].end > last->end) last->end = table->hits[i].end;
    }
    table->count = (size_t)(last - table->hits) + 1;
    table->settled = 1;
}

static inline void hit_free(HitTable *table) {
    free(table->hits);
    free(table->texts);
}
#endif
