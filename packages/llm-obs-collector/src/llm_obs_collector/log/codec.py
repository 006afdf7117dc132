"""Compression of a record's payload."""

from __future__ import annotations

from typing import Final

from llm_obs_core.errors import StoreError
from llm_obs_core.model import Codec

__all__ = ["compress", "decompress"]

ZSTD_LEVEL: Final = 1


def compress(payload: bytes, codec: Codec) -> bytes:
    """The payload as a record holds it.

    Raises:
        StoreError: The codec is not supported.
    """
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        import zstandard

        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(payload)
    raise _unsupported(codec)


def decompress(payload: bytes, codec: Codec, raw_bytes: int) -> bytes:
    """The payload as it was given; `raw_bytes` is its length."""
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        import zstandard

        return zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw_bytes)
    raise _unsupported(codec)


def _unsupported(codec: Codec) -> StoreError:
    return StoreError("codec none or zstd", got=codec.name.lower(), where="log.codec", fix="set one of these")
