"""Decompression with the limit inside: no request can make more memory than it may have."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from llm_obs_core.errors import LimitError, WireError

__all__ = ["decode"]

MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
ZSTD_PIECE_BYTES = 512
"""Fed at once: a block of three bytes may inflate to 128 KiB, so a piece makes 22 MiB at most."""

GZIP_PIECE_BYTES = 16 * 1024
"""Fed at once: deflate makes at most 1,032 bytes of one, so a piece makes 16 MiB at most."""

MAX_MEMBERS = 4_096
"""Of gzip, or frames of zstd, in one body: each costs a decompressor, however little it holds."""


def decode(encoding: str, body: bytes, limit_bytes: int, take: Callable[[int], object] = lambda _: None) -> bytes:
    """Undoes a content encoding.

    Args:
        encoding: One of `llm_obs_core.signals.ENCODINGS`.
        body: The request's bytes as they came.
        limit_bytes: Most bytes the result may have.
        take: Told of every piece's size as it is made; may raise.

    Raises:
        LimitError: The result would be larger.
        WireError: The bytes are not of that encoding, or end early.
    """
    if encoding == "identity":
        return body
    start = _gzip_member if encoding == "gzip" else _zstd_frame
    piece_bytes = GZIP_PIECE_BYTES if encoding == "gzip" else ZSTD_PIECE_BYTES
    parts: list[bytes] = []
    room, offset, members = limit_bytes, 0, 0
    while offset < len(body):
        members += 1
        if members > MAX_MEMBERS:
            raise LimitError(f"at most {MAX_MEMBERS} {encoding} members in one body", got="more", fix="send it as one")
        member, feed, failures = start()
        while not member.eof and offset < len(body):
            piece = body[offset : offset + piece_bytes]
            try:
                part = feed(piece, room + 1)
            except failures as error:
                raise _broken(encoding, error, offset) from None
            offset += len(piece) - len(member.unused_data)
            room -= len(part)
            if room < 0:
                raise _too_large(limit_bytes)
            take(len(part))
            parts.append(part)
        if not member.eof:
            raise _broken(encoding, "it ends early", len(body))
    if not members:
        raise _broken(encoding, "no bytes", 0)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _gzip_member() -> tuple[Any, Callable[[bytes, int], bytes], Any]:
    from isal import isal_zlib

    member = isal_zlib.decompressobj(wbits=31)
    return member, member.decompress, (isal_zlib.error, zlib.error)


def _zstd_frame() -> tuple[Any, Callable[[bytes, int], bytes], Any]:
    import zstandard

    frame = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES).decompressobj()
    return frame, lambda piece, _: frame.decompress(piece), zstandard.ZstdError


def _broken(encoding: str, why: object, offset: int) -> WireError:
    return WireError(
        f"a body of Content-Encoding {encoding}", got=str(why), fix="send what the header says", offset=offset
    )


def _too_large(limit: int) -> LimitError:
    return LimitError(
        f"at most {limit} bytes after decompression",
        got="more",
        fix="send smaller batches or raise receiver.max_request_bytes",
    )
