"""Protobuf's wire format, the little of it that is written in Python: answers, values set by hand, test requests."""

from __future__ import annotations

__all__ = ["delimited", "varint"]


def varint(number: int) -> bytes:
    """A whole number from 0 to 2⁶⁴ − 1; negative ones are given as their two's complement."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def delimited(field: int, payload: bytes | bytearray) -> bytes:
    """A field of bytes, a text or a message: tag, length, payload."""
    return varint(field << 3 | 2) + varint(len(payload)) + payload
