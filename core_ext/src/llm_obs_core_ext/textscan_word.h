/* What is written over a hit: [REDACTED:name], or [name:digest] when there is a key; the digest is equal for equal values. */
#ifndef LLM_OBS_TEXTSCAN_WORD_H
#define LLM_OBS_TEXTSCAN_WORD_H
#include "blake2b.h"

enum { TS_KEY_BYTES = 64, TS_WORD_BYTES = 96, TS_DIGEST_BYTES = 8 };

typedef struct {
    const char *name;
    struct blake2b digest;  /* of pseudonyms */
    int pseudonym;
} ts_word;

/* The word of a pattern; without a key it says that something was redacted. */
static void ts_set_word(ts_word *word, const char *name, const uint8_t *key, uint32_t key_length) {
    word->name = name;
    word->pseudonym = key_length > 0;
    if (key_length) blake2b_start(&word->digest, key, key_length, TS_DIGEST_BYTES);
}

/* Writes at most TS_WORD_BYTES and returns how many. */
static uint32_t ts_write_word(const ts_word *word, const uint8_t *value, uint32_t length, uint8_t *out) {
    static const char hex[] = "0123456789abcdef", redacted[] = "[REDACTED:";
    uint8_t digest[TS_DIGEST_BYTES], *to = out;
    size_t name_length = strlen(word->name);
    if (!word->pseudonym) {
        memcpy(to, redacted, sizeof(redacted) - 1);
        to += sizeof(redacted) - 1;
    } else {
        *to++ = '[';
    }
    memcpy(to, word->name, name_length);
    to += name_length;
    if (word->pseudonym) {
        *to++ = ':';
        blake2b_digest(&word->digest, value, length, digest);
        for (int i = 0; i < TS_DIGEST_BYTES; i++) {
            *to++ = (uint8_t)hex[digest[i] >> 4];
            *to++ = (uint8_t)hex[digest[i] & 15];
        }
    }
    *to++ = ']';
    return (uint32_t)(to - out);
}
#endif
