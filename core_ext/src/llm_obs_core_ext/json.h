/* A JSON array taken apart: where its elements are. Validates all of RFC 8259. */
#ifndef LLM_OBS_JSON_H
#define LLM_OBS_JSON_H
#include <stdint.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_DEPTH 1024 /* arrays and objects inside each other; a deeper text counts as not valid */

struct json_items {
    uint32_t *places; /* 2 an element: its first byte, the byte after it */
    size_t count, room;
};

/* The first byte from i on that ends a run of plain characters in a string: a quote, a backslash or a control. */
static inline size_t json_plain(const uint8_t *p, size_t i, size_t n) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; i + 16 <= n; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(p + i));
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash));
        int mask = _mm_movemask_epi8(_mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(x, control), x)));
        if (mask) return i + (size_t)__builtin_ctz((unsigned)mask);
    }
#endif
    while (i < n && p[i] != '"' && p[i] != '\\' && p[i] >= 0x20) i++;
    return i;
}

static inline int json_is_hex(uint8_t c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Each json_…_end takes the first byte of its thing and returns the byte after it, or 0 when it is not valid. */
static inline size_t json_string_end(const uint8_t *p, size_t i, size_t n) {
    for (i++;;) {
        i = json_plain(p, i, n);
        if (i >= n || p[i] < 0x20) return 0;
        if (p[i++] == '"') return i;
        if (i >= n) return 0;
        switch (p[i++]) {
        case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
            break;
        case 'u':
            if (n - i < 4 || !json_is_hex(p[i]) || !json_is_hex(p[i + 1]) || !json_is_hex(p[i + 2]) ||
                !json_is_hex(p[i + 3]))
                return 0;
            i += 4;
            break;
        default:
            return 0;
        }
    }
}

static inline size_t json_digits_end(const uint8_t *p, size_t i, size_t n) {
    size_t first = i;
    while (i < n && p[i] >= '0' && p[i] <= '9') i++;
    return i > first ? i : 0;
}

static inline size_t json_number_end(const uint8_t *p, size_t i, size_t n) {
    if (p[i] == '-') i++;
    if (i < n && p[i] == '0') i++;
    else if (!(i = json_digits_end(p, i, n))) return 0;
    if (i < n && p[i] == '.' && !(i = json_digits_end(p, i + 1, n))) return 0;
    if (i < n && (p[i] | 0x20) == 'e') {
        i++;
        if (i < n && (p[i] == '+' || p[i] == '-')) i++;
        if (!(i = json_digits_end(p, i, n))) return 0;
    }
    return i;
}

static inline size_t json_word_end(const uint8_t *p, size_t i, size_t n, const char *word) {
    for (; *word; word++, i++)
        if (i >= n || p[i] != (uint8_t)*word) return 0;
    return i;
}

static inline size_t json_scalar_end(const uint8_t *p, size_t i, size_t n) {
    switch (p[i]) {
    case '"': return json_string_end(p, i, n);
    case 't': return json_word_end(p, i, n, "true");
    case 'f': return json_word_end(p, i, n, "false");
    case 'n': return json_word_end(p, i, n, "null");
    default: return json_number_end(p, i, n);
    }
}

static inline size_t json_space(const uint8_t *p, size_t i, size_t n) {
    while (i < n && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t')) i++;
    return i;
}

static inline int json_add(struct json_items *out, size_t start, size_t end) {
    if (out->count == out->room) {
        size_t room = out->room * 2 + 64;
        uint32_t *places = realloc(out->places, room * 2 * sizeof(uint32_t));
        if (!places) return 0;
        out->places = places;
        out->room = room;
    }
    out->places[2 * out->count] = (uint32_t)start;
    out->places[2 * out->count + 1] = (uint32_t)end;
    out->count++;
    return 1;
}

/* Sets out->count and the places. 1: a valid array; 0: not one; -1: no memory. n is below 4 GiB. */
static inline int json_array(const uint8_t *p, size_t n, struct json_items *out) {
    enum { VALUE, VALUE_OR_END, KEY, KEY_OR_END, AFTER } state = VALUE_OR_END;
    uint8_t objects[JSON_DEPTH / 8 + 1]; /* a bit a level: it is an object */
    size_t depth = 1, start = 0, i = json_space(p, 0, n);
    out->count = 0;
    if (i >= n || p[i] != '[') return 0;
    objects[0] = 0;
    i++;
    while ((i = json_space(p, i, n)) < n) {
        uint8_t c = p[i];
        int object = objects[depth >> 3] >> (depth & 7) & 1;
        int closes = c == (object ? '}' : ']') && (state == VALUE_OR_END || state == KEY_OR_END || state == AFTER);
        if (closes) {
            i++;
            if (--depth == 0) return json_space(p, i, n) == n;
            state = AFTER;
        } else if (state == AFTER) {
            if (c != ',') return 0;
            i++;
            state = object ? KEY : VALUE;
            continue;
        } else if (state == KEY || state == KEY_OR_END) {
            if (c != '"' || !(i = json_string_end(p, i, n))) return 0;
            i = json_space(p, i, n);
            if (i >= n || p[i] != ':') return 0;
            i++;
            state = VALUE;
            continue;
        } else {
            if (depth == 1) start = i;
            if (c == '[' || c == '{') {
                if (++depth > JSON_DEPTH) return 0;
                if (c == '{') objects[depth >> 3] |= (uint8_t)(1 << (depth & 7));
                else objects[depth >> 3] &= (uint8_t)~(1 << (depth & 7));
                state = c == '{' ? KEY_OR_END : VALUE_OR_END;
                i++;
                continue;
            }
            if (!(i = json_scalar_end(p, i, n))) return 0;
            state = AFTER;
        }
        if (depth == 1 && !json_add(out, start, i)) return -1;
    }
    return 0;
}
#endif
