"""Python values as AnyValue bytes, for attributes that are set from Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["encode_array"]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _delimited(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _any_value(value: object) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return bytes((0x10, value))
        case int():
            if not -(2**63) <= value < 2**63:
                raise OverflowError(f"expected an integer of 64 bits, got {value}")
            return b"\x18" + _varint(value & (2**64 - 1))
        case float():
            return b"\x21" + struct.pack("<d", value)
        case str():
            return _delimited(1, value.encode())
        case bytes():
            return _delimited(7, value)
        case list() | tuple():
            return _delimited(5, encode_array(value))
    raise TypeError(f"expected str, bool, int, float, bytes, list or None, got {type(value).__name__}")


def encode_array(values: Sequence[object]) -> bytes:
    """The payload of an OTLP ArrayValue.

    Args:
        values: str, bool, int (64 bits), float, bytes, None, and lists of them.
    """
    return b"".join(_delimited(1, _any_value(value)) for value in values)
