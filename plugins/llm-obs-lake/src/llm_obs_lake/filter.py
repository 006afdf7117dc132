"""The trace-id filter of a span segment: which traces may be in it, in about ten bits a trace.

A split-block Bloom filter: a trace sets one bit in each of the eight 32-bit words of one block, so that a look reads 32
bytes. With ten bits a trace one look in eighty says yes by mistake.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK_BYTES", "build", "may_hold", "trace_hash"]

BLOCK_BYTES: Final = 32
_BITS_A_TRACE: Final = 10
_MASK: Final = 2**64 - 1
_MULTIPLIERS: Final = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SALTS: Final = (0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31)


def trace_hash(trace_id: bytes) -> int:
    """64 well mixed bits of a trace id; ids may be anything but random."""
    first, second, third = _MULTIPLIERS
    high, low = int.from_bytes(trace_id[:8], "big"), int.from_bytes(trace_id[8:], "big")
    mixed = (high * first + low) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * second) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * third) & _MASK
    return mixed ^ (mixed >> 31)


def build(traces: npt.NDArray[np.uint64]) -> bytes:
    """The filter of distinct traces, given as rows of two numbers (`arrow.id_numbers`)."""
    first, second, third = (np.uint64(number) for number in _MULTIPLIERS)
    mixed = traces[:, 0] * first + traces[:, 1]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * second
    mixed = (mixed ^ (mixed >> np.uint64(27))) * third
    mixed ^= mixed >> np.uint64(31)
    blocks = max(1, -(-len(traces) * _BITS_A_TRACE // (BLOCK_BYTES * 8)))
    block = (mixed >> np.uint64(32)) % np.uint64(blocks)
    key = mixed.astype(np.uint32)
    bits = np.zeros((blocks, 8, 32), dtype=np.bool_)
    for word, salt in enumerate(_SALTS):
        bits[block, word, (key * np.uint32(salt)) >> np.uint32(27)] = True
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


def may_hold(block: bytes, hash: int) -> bool:
    """Whether a trace may be in the segment whose filter has this block at `(hash >> 32) % blocks`."""
    words = int.from_bytes(block, "little")
    key = hash & 0xFFFFFFFF
    return all(words >> (word * 32 + ((key * salt & 0xFFFFFFFF) >> 27)) & 1 for word, salt in enumerate(_SALTS))
