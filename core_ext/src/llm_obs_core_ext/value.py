"""Python values as AnyValue bytes, for attributes that are set from Python."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from llm_obs_core.protowire import delimited, varint

__all__ = ["encode_array"]


def _any_value(value: object) -> bytes:
    match value:
        case None:
            return b""
        case bool():
            return bytes((0x10, value))
        case int():
            if not -(2**63) <= value < 2**63:
                raise OverflowError(f"expected an integer of 64 bits, got {value}")
            return b"\x18" + varint(value & (2**64 - 1))
        case float():
            return b"\x21" + struct.pack("<d", value)
        case str():
            return delimited(1, value.encode())
        case bytes():
            return delimited(7, value)
        case list() | tuple():
            return delimited(5, encode_array(value))
    raise TypeError(f"expected str, bool, int, float, bytes, list or None, got {type(value).__name__}")


def encode_array(values: Sequence[object]) -> bytes:
    """The payload of an OTLP ArrayValue.

    Args:
        values: str, bool, int (64 bits), float, bytes, None, and lists of them.
    """
    return b"".join(delimited(1, _any_value(value)) for value in values)
