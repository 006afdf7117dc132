/* The fixed parts of a log record's header, as they lie on the disk and in memory; what follows is told in frames.pyx. */
#ifndef LLM_OBS_LOGRECORD_H
#define LLM_OBS_LOGRECORD_H

#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "llm-obs is built for little-endian machines: records are written as they lie in memory"
#endif

#pragma pack(push, 1)
/* Of every version. */
typedef struct {
    uint8_t magic[4];
    uint16_t header_bytes;
    uint8_t version, kind, codec, flags;
    uint16_t key_id;
    uint32_t partition;
    uint64_t sequence, received_ns;
    uint8_t digest[16];
    uint32_t normalizer, prices, scrub;
    uint32_t accepted, rejected;
    uint32_t payload_bytes, raw_bytes, index_bytes;
    uint8_t tenant_bytes;
} LogRecordHead;

/* Since version 2, directly behind it. */
typedef struct {
    uint16_t group_index, group_size, extra_bytes;
} LogRecordTail;
#pragma pack(pop)

#define LOG_RECORD_MAGIC "LOR1"
#define LOG_RECORD_VERSION 2
#define LOG_RECORD_CRC_BYTES 4
#define LOG_RECORD_ROUNDED(bytes) (((bytes) + LOG_RECORD_CRC_BYTES + 7) / 8 * 8)
/* A header is a multiple of eight bytes. */
#define LOG_RECORD_HEAD_BYTES(tenant_bytes, extra_bytes) \
    LOG_RECORD_ROUNDED(sizeof(LogRecordHead) + sizeof(LogRecordTail) + (tenant_bytes) + (extra_bytes))
/* The smallest record of any version: one of version 1 without a tenant, and the checksum of an empty body. */
#define LOG_RECORD_LEAST_BYTES (LOG_RECORD_ROUNDED(sizeof(LogRecordHead)) + LOG_RECORD_CRC_BYTES)

_Static_assert(sizeof(LogRecordHead) == 81, "the fixed part of every header has 81 bytes");
_Static_assert(sizeof(LogRecordTail) == 6, "what version 2 adds to it has 6 bytes");

#endif
