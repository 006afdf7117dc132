"""Decompression with the limit inside: no request can make more memory than it may have."""

from __future__ import annotations

import zlib

from llm_obs_core.errors import LimitError, WireError

__all__ = ["ENCODINGS", "decode"]

ENCODINGS = ("identity", "gzip", "zstd")
"""The values of `Content-Encoding` that are understood; any other is answered 415, never read as raw bytes."""

MAX_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
ZSTD_PIECE_BYTES = 512
"""Fed at once: a block of three bytes may inflate to 128 KiB, so a piece makes 22 MiB at most."""


def decode(encoding: str, body: bytes, limit_bytes: int) -> bytes:
    """Undoes a content encoding.

    Args:
        encoding: One of `ENCODINGS`.
        body: The request's bytes as they came.
        limit_bytes: Most bytes the result may have.

    Raises:
        LimitError: The result would be larger.
        WireError: The bytes are not of that encoding, or end early.
    """
    if encoding == "identity":
        return body
    return _gzip(body, limit_bytes) if encoding == "gzip" else _zstd(body, limit_bytes)


def _gzip(body: bytes, limit: int) -> bytes:
    from isal import isal_zlib

    parts: list[bytes] = []
    room = limit
    data = body
    while data:
        member = isal_zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(data, room + 1)
        except (isal_zlib.error, zlib.error) as error:  # type: ignore[misc]  # the stub takes the class for an instance
            raise _broken("gzip", error, len(body) - len(data)) from None
        room -= len(part)
        if room < 0:
            raise _too_large(limit)
        if not member.eof:
            raise _broken("gzip", "it ends early", len(body))
        parts.append(part)
        data = member.unused_data
    if not parts:
        raise _broken("gzip", "no bytes", 0)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _zstd(body: bytes, limit: int) -> bytes:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW_BYTES)
    parts: list[bytes] = []
    room = limit
    offset = 0
    while offset < len(body):
        frame = decompressor.decompressobj()
        while not frame.eof and offset < len(body):
            piece = body[offset : offset + ZSTD_PIECE_BYTES]
            try:
                part = frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise _broken("zstd", error, offset) from None
            offset += len(piece) - len(frame.unused_data)
            room -= len(part)
            if room < 0:
                raise _too_large(limit)
            parts.append(part)
        if not frame.eof:
            raise _broken("zstd", "it ends early", len(body))
    if not parts:
        raise _broken("zstd", "no bytes", 0)
    return b"".join(parts)


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
