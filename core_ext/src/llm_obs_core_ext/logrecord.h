/* The fixed part of a log record's header, as it lies on the disk and in memory; what follows is told in segment.pyx. */
#ifndef LLM_OBS_LOGRECORD_H
#define LLM_OBS_LOGRECORD_H

#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "llm-obs is built for little-endian machines: records are written as they lie in memory"
#endif

#pragma pack(push, 1)
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
#pragma pack(pop)

#define LOG_RECORD_MAGIC "LOR1"
#define LOG_RECORD_VERSION 1
#define LOG_RECORD_CRC_BYTES 4
/* A header is a multiple of eight bytes. */
#define LOG_RECORD_HEAD_BYTES(tenant_bytes) \
    ((sizeof(LogRecordHead) + (tenant_bytes) + LOG_RECORD_CRC_BYTES + 7) / 8 * 8)
/* A header without a tenant, and the checksum of an empty body. */
#define LOG_RECORD_LEAST_BYTES (LOG_RECORD_HEAD_BYTES(0) + LOG_RECORD_CRC_BYTES)

_Static_assert(sizeof(LogRecordHead) == 81, "the fixed part of the header has 81 bytes");

#endif
