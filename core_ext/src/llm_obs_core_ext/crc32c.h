/* CRC32C (Castagnoli, polynomial 0x1EDC6F41 reflected): the checksum of log records.
 *
 * Hardware instructions where the processor has them (SSE4.2, asked at run time; ARMv8 CRC, asked at compile time), tables
 * of eight otherwise. Both take and return the finished value, so that checks can be chained: crc(a + b) = crc(b, crc(a)).
 */
#ifndef LLM_OBS_CRC32C_H
#define LLM_OBS_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define LLM_OBS_CRC_X86 1
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#define LLM_OBS_CRC_ARM 1
#include <arm_acle.h>
#endif

static uint32_t llm_obs_crc_table[8][256];
static int llm_obs_crc_hardware = 0;

/* Fills the tables and looks at the processor; called once, when the module is made, before any other thread can call. */
static void llm_obs_crc32c_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c & 1) ? (c >> 1) ^ 0x82F63B78u : c >> 1;
        llm_obs_crc_table[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            llm_obs_crc_table[k][i] =
                (llm_obs_crc_table[k - 1][i] >> 8) ^ llm_obs_crc_table[0][llm_obs_crc_table[k - 1][i] & 0xFF];
#if defined(LLM_OBS_CRC_X86)
    __builtin_cpu_init();
    llm_obs_crc_hardware = __builtin_cpu_supports("sse4.2") ? 1 : 0;
#elif defined(LLM_OBS_CRC_ARM)
    llm_obs_crc_hardware = 1;
#endif
}

/* The portable way: eight tables, eight bytes a step. Written for any byte order. */
static uint32_t llm_obs_crc32c_portable(const uint8_t *p, size_t n, uint32_t value) {
    uint32_t crc = ~value;
    while (n >= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = llm_obs_crc_table[7][low & 0xFF] ^ llm_obs_crc_table[6][(low >> 8) & 0xFF] ^
              llm_obs_crc_table[5][(low >> 16) & 0xFF] ^ llm_obs_crc_table[4][low >> 24] ^
              llm_obs_crc_table[3][p[4]] ^ llm_obs_crc_table[2][p[5]] ^ llm_obs_crc_table[1][p[6]] ^
              llm_obs_crc_table[0][p[7]];
        p += 8;
        n -= 8;
    }
    while (n--) crc = (crc >> 8) ^ llm_obs_crc_table[0][(crc ^ *p++) & 0xFF];
    return ~crc;
}

#if defined(LLM_OBS_CRC_X86)
__attribute__((target("sse4.2")))
static uint32_t llm_obs_crc32c_fast(const uint8_t *p, size_t n, uint32_t value) {
    uint64_t crc = (uint32_t)~value, word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        crc = _mm_crc32_u64(crc, word);
    }
    uint32_t tail = (uint32_t)crc;
    while (n--) tail = _mm_crc32_u8(tail, *p++);
    return ~tail;
}
#elif defined(LLM_OBS_CRC_ARM)
static uint32_t llm_obs_crc32c_fast(const uint8_t *p, size_t n, uint32_t value) {
    uint32_t crc = ~value;
    uint64_t word;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    while (n--) crc = __crc32cb(crc, *p++);
    return ~crc;
}
#else
static uint32_t llm_obs_crc32c_fast(const uint8_t *p, size_t n, uint32_t value) {
    return llm_obs_crc32c_portable(p, n, value);
}
#endif

/* The CRC32C of n bytes at p, going on from value (0 to begin). */
static inline uint32_t llm_obs_crc32c(const uint8_t *p, size_t n, uint32_t value) {
    return llm_obs_crc_hardware ? llm_obs_crc32c_fast(p, n, value) : llm_obs_crc32c_portable(p, n, value);
}

#endif
