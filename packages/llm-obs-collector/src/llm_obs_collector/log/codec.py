"""Compression of a record's payload."""

from __future__ import annotations

import functools
import threading
from typing import Final

from llm_obs_core.errors import StoreError
from llm_obs_core.model import Codec

__all__ = ["compress", "decompress"]

ZSTD_LEVEL: Final = 1


class _Contexts(threading.local):
    """A thread's own: to make one takes longer than to compress a small payload."""

    def __init__(self) -> None:
        import zstandard

        self.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


@functools.cache
def _contexts() -> _Contexts:
    return _Contexts()


def compress(payload: bytes, codec: Codec) -> bytes:
    """The payload as a record holds it.

    Raises:
        StoreError: The codec is not supported.
    """
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        return _contexts().compressor.compress(payload)
    raise _unsupported(codec)


def decompress(payload: bytes, codec: Codec, raw_bytes: int) -> bytes:
    """The payload as it was given; `raw_bytes` is its length."""
    if codec is Codec.NONE:
        return payload
    if codec is Codec.ZSTD:
        return _contexts().decompressor.decompress(payload, max_output_size=raw_bytes)
    raise _unsupported(codec)


def _unsupported(codec: Codec) -> StoreError:
    return StoreError("codec none or zstd", got=codec.name.lower(), where="log.codec", fix="set one of these")
