"""One record as bytes: header, index section, payload, each under a checksum. Little-endian; version 1.

    magic u32 "LOR1" · header_bytes u16 · format_version u8 · kind u8 · codec u8 · flags u8 · key_id u16 ·
    partition u32 · sequence u64 · received_ns u64 · digest 16 bytes · normalizer u32 · prices u32 · scrub u32 ·
    accepted u32 · rejected u32 · payload_bytes u32 · raw_bytes u32 · index_bytes u32 · tenant_bytes u8 · tenant ·
    zeros, so that the header is a multiple of 8 · header_crc32c u32 | index | payload | body_crc32c u32

The header's checksum covers the header before it; the body's covers the header's checksum, the index and the payload,
so that no body can stand behind another header.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from llm_obs_core.errors import StoreError
from llm_obs_core.model import Codec, LogRecord, RecordKind
from llm_obs_core_ext.checksum import crc32c

__all__ = ["FORMAT_VERSION", "MAGIC", "MIN_RECORD_BYTES", "Header", "body_is_whole", "pack", "read_header", "unpack"]

MAGIC: Final = b"LOR1"
FORMAT_VERSION: Final = 1
_FIXED = struct.Struct("<4sHBBBBHIQQ16sIIIIIIIIB")
_CRC = struct.Struct("<I")
MIN_RECORD_BYTES: Final = _FIXED.size + 7 + _CRC.size
ZSTD_LEVEL = 1


class Header(NamedTuple):
    """A header that passed its checksum, and where its record lies."""

    offset: int
    body: int
    end: int
    sequence: int
    kind: int
    codec: int
    partition: int
    received_ns: int
    digest: bytes
    normalizer_version: int
    prices_version: int
    scrub_version: int
    accepted: int
    rejected: int
    payload_bytes: int
    raw_bytes: int
    index_bytes: int
    tenant: str
    crc: int


def pack(record: LogRecord, sequence: int, codec: Codec) -> list[bytes]:
    """The buffers of one record, to be written one after the other.

    Raises:
        StoreError: The tenant's name is too long or the codec is not supported.
    """
    tenant = record.tenant.encode()
    if len(tenant) > 255:
        raise StoreError("a tenant of at most 255 bytes", got=f"{len(tenant)}", fix="shorten its name in auth.keys")
    payload = _compress(record.payload, codec)
    header_bytes = -(-(_FIXED.size + len(tenant) + _CRC.size) // 8) * 8
    head = _FIXED.pack(
        MAGIC,
        header_bytes,
        FORMAT_VERSION,
        record.kind,
        codec,
        0,
        0,
        record.partition,
        sequence,
        record.received_ns,
        record.digest,
        record.normalizer_version,
        record.prices_version,
        record.scrub_version,
        record.accepted,
        record.rejected,
        len(payload),
        len(record.payload),
        len(record.index),
        len(tenant),
    )
    head = (head + tenant).ljust(header_bytes - _CRC.size, b"\0")
    crc = _CRC.pack(crc32c(head))
    body_crc = crc32c(payload, crc32c(record.index, crc32c(crc)))
    return [head + crc, record.index, payload, _CRC.pack(body_crc)]


def read_header(data: memoryview, offset: int) -> Header | None:
    """The header at `offset`, None when there is no whole and sound one. The body may lie behind the end of `data`."""
    if offset + MIN_RECORD_BYTES > len(data) or bytes(data[offset : offset + 4]) != MAGIC:
        return None
    (
        _,
        header_bytes,
        version,
        kind,
        codec,
        _flags,
        _key_id,
        partition,
        sequence,
        received_ns,
        digest,
        normalizer,
        prices,
        scrub,
        accepted,
        rejected,
        payload_bytes,
        raw_bytes,
        index_bytes,
        tenant_bytes,
    ) = _FIXED.unpack_from(data, offset)
    body = offset + header_bytes
    if header_bytes < _FIXED.size + tenant_bytes + _CRC.size or body > len(data):
        return None
    (crc,) = _CRC.unpack_from(data, body - _CRC.size)
    if crc32c(data[offset : body - _CRC.size]) != crc:
        return None
    if version != FORMAT_VERSION:
        raise StoreError(
            f"log records of format {FORMAT_VERSION}",
            got=f"format {version}",
            where=f"byte {offset}",
            fix="start the version of llm-obs that wrote this log, or give this one another server.data_dir",
        )
    try:
        tenant = bytes(data[offset + _FIXED.size : offset + _FIXED.size + tenant_bytes]).decode()
    except UnicodeDecodeError:
        return None
    return Header(
        offset,
        body,
        body + index_bytes + payload_bytes + _CRC.size,
        sequence,
        kind,
        codec,
        partition,
        received_ns,
        digest,
        normalizer,
        prices,
        scrub,
        accepted,
        rejected,
        payload_bytes,
        raw_bytes,
        index_bytes,
        tenant,
        crc,
    )


def body_is_whole(data: memoryview, header: Header) -> bool:
    """Whether index and payload are all there and as they were written."""
    if header.end > len(data):
        return False
    (crc,) = _CRC.unpack_from(data, header.end - _CRC.size)
    return bool(crc32c(data[header.body - _CRC.size : header.end - _CRC.size]) == crc)


def unpack(data: memoryview, header: Header) -> LogRecord:
    """The record behind a header whose body is whole."""
    start = header.body + header.index_bytes
    payload = bytes(data[start : start + header.payload_bytes])
    return LogRecord(
        kind=RecordKind(header.kind),
        tenant=header.tenant,
        received_ns=header.received_ns,
        digest=header.digest,
        accepted=header.accepted,
        rejected=header.rejected,
        payload=_decompress(payload, Codec(header.codec), header.raw_bytes),
        index=bytes(data[header.body : start]),
        normalizer_version=header.normalizer_version,
        prices_version=header.prices_version,
        scrub_version=header.scrub_version,
        partition=header.partition,
    )


def _compress(payload: bytes, codec: Codec) -> bytes:
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        import zstandard

        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(payload)
    raise _unsupported(codec)


def _decompress(payload: bytes, codec: Codec, raw_bytes: int) -> bytes:
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        import zstandard

        return zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw_bytes)
    raise _unsupported(codec)


def _unsupported(codec: Codec) -> StoreError:
    return StoreError("codec none or zstd", got=codec.name.lower(), where="log.codec", fix="set one of these")
