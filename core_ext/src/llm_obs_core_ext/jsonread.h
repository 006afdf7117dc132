/* Reading inside a JSON text: where a value ends, what a string says. Validates all of RFC 8259. */
#ifndef LLM_OBS_JSONREAD_H
#define LLM_OBS_JSONREAD_H
#include "json.h"

#define JSON_LEVELS 256 /* llm_obs_core.interfaces.operations.MAX_DEPTH */

/* From the first quote of a member's name to its value's first byte, or 0. */
static inline size_t json_name_end(const uint8_t *p, size_t i, size_t n) {
    if (i >= n || p[i] != '"' || !(i = json_string_end(p, i, n))) return 0;
    i = json_space(p, i, n);
    if (i >= n || p[i] != ':') return 0;
    return json_space(p, i + 1, n);
}

/* The byte after the value that begins at i, or 0 when it is none. `depth`: arrays and objects around it. */
static size_t json_value_end(const uint8_t *p, size_t i, size_t n, unsigned depth) {
    uint8_t objects[JSON_LEVELS / 8 + 1]; /* a bit a level: it is an object */
    unsigned around = depth;
    while (i < n) {
        uint8_t c = p[i];
        if (c == '{' || c == '[') {
            if (++depth > JSON_LEVELS) return 0;
            if (c == '{') objects[depth >> 3] |= (uint8_t)(1 << (depth & 7));
            else objects[depth >> 3] &= (uint8_t)~(1 << (depth & 7));
            i = json_space(p, i + 1, n);
            if (i < n && p[i] == (c == '{' ? '}' : ']')) {
                i++;
                depth--;
            } else {
                if (c == '{' && !(i = json_name_end(p, i, n))) return 0;
                continue;
            }
        } else if (!(i = json_scalar_end(p, i, n))) {
            return 0;
        }
        while (depth != around) {
            int object = objects[depth >> 3] >> (depth & 7) & 1;
            i = json_space(p, i, n);
            if (i >= n) return 0;
            c = p[i++];
            if (c == ',') {
                i = json_space(p, i, n);
                if (object && !(i = json_name_end(p, i, n))) return 0;
                break;
            }
            if (c != (object ? '}' : ']')) return 0;
            depth--;
        }
        if (depth == around) return i;
    }
    return 0;
}

/* Whether a text is JSON; where its value is. */
static inline int json_text(const uint8_t *p, size_t n, uint32_t *at, uint32_t *end) {
    size_t start = json_space(p, 0, n), stop = json_value_end(p, start, n, 0);
    if (!stop || json_space(p, stop, n) != n) return 0;
    *at = (uint32_t)start;
    *end = (uint32_t)stop;
    return 1;
}

static inline uint32_t json_hex4(const uint8_t *p) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) value = value << 4 | (p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10u);
    return value;
}

/* One character of a valid string, from p[*i] on: writes its UTF-8 (at most 4 bytes) and says how many. Halves of
   surrogate pairs become U+FFFD. */
static inline uint32_t json_character(const uint8_t *p, size_t *i, uint8_t *out) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    uint32_t c = p[(*i)++], low;
    if (c != '\\') {
        out[0] = (uint8_t)c;
        return 1;
    }
    c = p[(*i)++];
    if (c != 'u') {
        for (int k = 0; k < 5; k++)
            if (c == (uint8_t)from[k]) c = (uint8_t)to[k];
        out[0] = (uint8_t)c;
        return 1;
    }
    c = json_hex4(p + *i);
    *i += 4;
    if (c >= 0xd800 && c < 0xdc00 && p[*i] == '\\' && p[*i + 1] == 'u' && (low = json_hex4(p + *i + 2)) >= 0xdc00 &&
        low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *i += 6;
    } else if (c >= 0xd800 && c < 0xe000) {
        c = 0xfffd;
    }
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/* What the string token p[at:end] says, quotes included in the range; at most end - at bytes are written. */
static inline uint32_t json_said(const uint8_t *p, size_t at, size_t end, uint8_t *out) {
    uint32_t used = 0;
    at++;
    while (at < end - 1) used += json_character(p, &at, out + used);
    return used;
}

/* A number for what a string token says: equal for equal strings, however they are escaped. */
static inline uint64_t json_hash(const uint8_t *p, size_t at, size_t end) {
    uint64_t hash = 0xcbf29ce484222325ULL;
    uint8_t bytes[4];
    at++;
    while (at < end - 1) {
        uint32_t n = json_character(p, &at, bytes);
        for (uint32_t k = 0; k < n; k++) hash = (hash ^ bytes[k]) * 0x100000001b3ULL;
    }
    return hash;
}
#endif
