/* JSON inside text: its escapes must neither glue words together nor hide characters.
 *
 * Prompts are stored as JSON strings, often JSON in JSON, so an escape may have any number of backslashes. Escapes that
 * stand for white space or quotes become blanks of the same length. Those that stand for other characters (\u0040, \/)
 * are undone in a second view of the text, which knows the way back.
 */
#ifndef LLM_OBS_TEXTSCAN_ESCAPES_H
#define LLM_OBS_TEXTSCAN_ESCAPES_H

/* Four hexadecimal digits, or -1. */
static int ts_hex4(const uint8_t *p) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        if (!(ts_class[p[i]] & C_HEX)) return -1;
        value = value << 4 | ((p[i] & 15) + (p[i] >> 6) * 9);
    }
    return value;
}

static int ts_note(ts_search *s, uint32_t at, uint32_t end) {
    void *fresh = ts_room(s, s->escapes, &s->escape_room, s->escape_count + 1, sizeof(ts_escape));
    ts_escape escape = {at, end, 0, 0};
    if (fresh == NULL) return 0;
    s->escapes = fresh;
    s->escapes[s->escape_count++] = escape;
    return 1;
}

/* Blanks the escapes of white space and quotes in `view`, and notes those that hide other characters when `note`. */
static int ts_blank(ts_search *s, uint8_t *view, uint32_t n, int note) {
    uint8_t *at = view, *end = view + n, *after;
    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        for (after = at + 1; after < end && *after == '\\'; after++) {}
        if (after == end) return 1;
        if (*after == '"' || *after == 'n' || *after == 'r' || *after == 't' || *after == 'b' || *after == 'f') {
            memset(at, ' ', (size_t)(after + 1 - at));
        } else if (note && *after == '/') {
            if (!ts_note(s, (uint32_t)(at - view), (uint32_t)(after + 1 - view))) return 0;
        } else if (note && *after == 'u' && end - after > 4 && ts_hex4(after + 1) >= 0) {
            if (!ts_note(s, (uint32_t)(at - view), (uint32_t)(after + 5 - view))) return 0;
        }
        at = after;
    }
    return 1;
}

static uint8_t *ts_view_room(ts_search *s, uint8_t **view, size_t *room, size_t n) {
    void *fresh = ts_room(s, *view, room, n + TS_SLACK, 1);
    if (fresh == NULL) return NULL;
    return *view = fresh;
}

/* Makes s->plain, the text with blanks for escaped ones, and s->escapes; 0 when out of memory. */
static int ts_neutral(ts_search *s, const uint8_t *p, uint32_t n) {
    uint8_t *view = ts_view_room(s, &s->plain, &s->plain_room, n);
    if (view == NULL) return 0;
    memcpy(view, p, n);
    memset(view + n, 0, TS_SLACK);
    s->escape_count = 0;
    return ts_blank(s, view, n, 1);
}

static uint8_t *ts_utf8(uint8_t *to, int code) {
    if (code < 0x20) {
        *to++ = ' ';
    } else if (code < 0x80) {
        *to++ = (uint8_t)code;
    } else {
        if (code < 0x800) {
            *to++ = (uint8_t)(0xc0 | code >> 6);
        } else {
            *to++ = (uint8_t)(0xe0 | code >> 12);
            *to++ = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Makes s->decoded, the text with its noted escapes undone (control characters as blanks), and returns its length. */
static uint32_t ts_decode(ts_search *s, const uint8_t *p, uint32_t n) {
    uint8_t *view = ts_view_room(s, &s->decoded, &s->decoded_room, n), *to = view;
    uint32_t done = 0;
    if (view == NULL) return 0;
    for (size_t i = 0; i < s->escape_count; i++) {
        ts_escape *escape = &s->escapes[i];
        memcpy(to, p + done, escape->at - done);
        to += escape->at - done;
        done = escape->end;
        escape->here = (uint32_t)(to - view);
        to = ts_utf8(to, p[done - 1] == '/' ? '/' : ts_hex4(p + done - 4));
        escape->here_end = (uint32_t)(to - view);
    }
    memcpy(to, p + done, n - done);
    to += n - done;
    memset(to, 0, TS_SLACK);
    ts_blank(s, view, (uint32_t)(to - view), 0);
    return (uint32_t)(to - view);
}

/* Where a byte of the decoded view comes from: its place in the text, or with `after` the place behind it. */
static uint32_t ts_source(const ts_search *s, uint32_t at, int after) {
    size_t low = 0, high = s->escape_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->escapes[middle].here <= at) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return at + (uint32_t)after;
    const ts_escape *escape = &s->escapes[low - 1];
    if (at < escape->here_end) return after ? escape->end : escape->at;
    return escape->end + (at - escape->here_end) + (uint32_t)after;
}

/* A hit may not cut an escape of the text in two: what is left of it would not be JSON any more. */
static void ts_widen(const ts_search *s, ts_hit *hit) {
    size_t low = 0, high = s->escape_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->escapes[middle].end <= hit->start) low = middle + 1;
        else high = middle;
    }
    if (low < s->escape_count && s->escapes[low].at < hit->start) {
        hit->start = s->escapes[low].at;
        hit->flags |= TS_SPLITS;
    }
}

static int ts_order(const void *left, const void *right) {
    const ts_hit *a = left, *b = right;
    if (a->pattern != b->pattern) return a->pattern < b->pattern ? -1 : 1;
    if (a->start != b->start) return a->start < b->start ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return (b->flags & TS_DECODED) - (a->flags & TS_DECODED);
}

/* Hits of both views, those of the first `plain_count`, become one list: overlapping ones of a pattern are the same thing
 * seen twice, and what the decoded view read is its value. */
static void ts_settle(ts_search *s, size_t plain_count) {
    ts_hit *last = s->hits;
    for (size_t i = 0; i < s->hit_count; i++) {
        ts_hit *hit = &s->hits[i];
        if (i < plain_count) {
            ts_widen(s, hit);
        } else {
            hit->start = ts_source(s, hit->from, 0);
            hit->end = ts_source(s, hit->to - 1, 1);
            hit->flags = TS_DECODED;
        }
    }
    qsort(s->hits, s->hit_count, sizeof(ts_hit), ts_order);
    for (size_t i = 1; i < s->hit_count; i++) {
        const ts_hit *hit = &s->hits[i];
        if (hit->pattern != last->pattern || hit->start >= last->end) {
            *++last = *hit;
        } else if (hit->flags & TS_DECODED && last->flags & TS_SPLITS && hit->end == last->end) {
            *last = *hit;  /* the escape before it was no part of it */
        } else {
            if (hit->end > last->end) last->end = hit->end;
            if (hit->flags & ~last->flags & TS_DECODED) {
                last->from = hit->from;
                last->to = hit->to;
                last->flags = TS_DECODED;
            }
        }
    }
    s->hit_count = (size_t)(last - s->hits) + 1;
}
#endif
