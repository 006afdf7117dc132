/* The order of collected attributes: by item, member, number inside, member inside, path. */
#ifndef LLM_OBS_COLLECT_H
#define LLM_OBS_COLLECT_H
#include <stdint.h>
#include <stdlib.h>

struct collect_key { /* the first fields of rulerun.pxd's Entry */
    uint32_t number, inner;
    uint16_t top, column;
    uint32_t member;
};

static int collect_order(const void *left, const void *right) {
    const struct collect_key *a = left, *b = right;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    if (a->top != b->top) return a->top < b->top ? -1 : 1;
    if (a->inner != b->inner) return a->inner < b->inner ? -1 : 1;
    if (a->column != b->column) return a->column < b->column ? -1 : 1;
    return a->member < b->member ? -1 : a->member > b->member;
}

static inline void sort_entries(void *entries, size_t count, size_t size) {
    qsort(entries, count, size, collect_order);
}
#endif
