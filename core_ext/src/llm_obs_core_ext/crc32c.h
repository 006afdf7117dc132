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

/* Three lanes side by side: the instruction takes three cycles and one may begin in each, so a lone lane waits for itself.
 * The lanes' sums are joined by moving one past the bytes of the next, which is linear: four lookups. */
enum { LLM_OBS_CRC_LONG = 2048, LLM_OBS_CRC_SHORT = 256 };
static uint32_t llm_obs_crc_long[4][256];
static uint32_t llm_obs_crc_short[4][256];

/* The sums of each byte value, in each of the four places, moved past `bytes` zeros. */
static void llm_obs_crc_zeros(uint32_t table[4][256], size_t bytes) {
    uint32_t moved[32];
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (size_t i = 0; i < bytes; i++) crc = (crc >> 8) ^ llm_obs_crc_table[0][crc & 0xFF];
        moved[bit] = crc;
    }
    for (int place = 0; place < 4; place++)
        for (uint32_t value = 0; value < 256; value++) {
            uint32_t sum = 0;
            for (int bit = 0; bit < 8; bit++) sum ^= (value >> bit & 1) ? moved[8 * place + bit] : 0;
            table[place][value] = sum;
        }
}

static inline uint32_t llm_obs_crc_past(uint32_t table[4][256], uint32_t crc) {
    return table[0][crc & 0xFF] ^ table[1][crc >> 8 & 0xFF] ^ table[2][crc >> 16 & 0xFF] ^ table[3][crc >> 24];
}

#if defined(LLM_OBS_CRC_X86)
#define LLM_OBS_CRC_TARGET __attribute__((target("sse4.2")))
#define LLM_OBS_CRC_WORD(crc, word) (uint32_t)_mm_crc32_u64((crc), (word))
#define LLM_OBS_CRC_BYTE(crc, byte) _mm_crc32_u8((crc), (byte))
#elif defined(LLM_OBS_CRC_ARM)
#define LLM_OBS_CRC_TARGET
#define LLM_OBS_CRC_WORD(crc, word) __crc32cd((crc), (word))
#define LLM_OBS_CRC_BYTE(crc, byte) __crc32cb((crc), (byte))
#endif

#if defined(LLM_OBS_CRC_WORD)
static inline uint64_t llm_obs_crc_load(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

LLM_OBS_CRC_TARGET
static uint32_t llm_obs_crc_lanes(const uint8_t *p, size_t lane, uint32_t crc, uint32_t table[4][256]) {
    uint32_t second = 0, third = 0;
    for (const uint8_t *end = p + lane; p < end; p += 8) {
        crc = LLM_OBS_CRC_WORD(crc, llm_obs_crc_load(p));
        second = LLM_OBS_CRC_WORD(second, llm_obs_crc_load(p + lane));
        third = LLM_OBS_CRC_WORD(third, llm_obs_crc_load(p + 2 * lane));
    }
    return llm_obs_crc_past(table, llm_obs_crc_past(table, crc) ^ second) ^ third;
}

LLM_OBS_CRC_TARGET
static uint32_t llm_obs_crc32c_fast(const uint8_t *p, size_t n, uint32_t value) {
    uint32_t crc = ~value;
    for (; n >= 3 * LLM_OBS_CRC_LONG; p += 3 * LLM_OBS_CRC_LONG, n -= 3 * LLM_OBS_CRC_LONG)
        crc = llm_obs_crc_lanes(p, LLM_OBS_CRC_LONG, crc, llm_obs_crc_long);
    for (; n >= 3 * LLM_OBS_CRC_SHORT; p += 3 * LLM_OBS_CRC_SHORT, n -= 3 * LLM_OBS_CRC_SHORT)
        crc = llm_obs_crc_lanes(p, LLM_OBS_CRC_SHORT, crc, llm_obs_crc_short);
    for (; n >= 8; p += 8, n -= 8) crc = LLM_OBS_CRC_WORD(crc, llm_obs_crc_load(p));
    while (n--) crc = LLM_OBS_CRC_BYTE(crc, *p++);
    return ~crc;
}
#else
static uint32_t llm_obs_crc32c_fast(const uint8_t *p, size_t n, uint32_t value) {
    return llm_obs_crc32c_portable(p, n, value);
}
#endif

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
    llm_obs_crc_zeros(llm_obs_crc_long, LLM_OBS_CRC_LONG);
    llm_obs_crc_zeros(llm_obs_crc_short, LLM_OBS_CRC_SHORT);
#if defined(LLM_OBS_CRC_X86)
    __builtin_cpu_init();
    llm_obs_crc_hardware = __builtin_cpu_supports("sse4.2") ? 1 : 0;
#elif defined(LLM_OBS_CRC_ARM)
    llm_obs_crc_hardware = 1;
#endif
}

/* The CRC32C of n bytes at p, going on from value (0 to begin). */
static inline uint32_t llm_obs_crc32c(const uint8_t *p, size_t n, uint32_t value) {
    return llm_obs_crc_hardware ? llm_obs_crc32c_fast(p, n, value) : llm_obs_crc32c_portable(p, n, value);
}

#endif
