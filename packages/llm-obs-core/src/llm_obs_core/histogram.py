"""`llm_obs.hist.v1`: the one mergeable histogram of llm-obs.

Log-linear buckets over non-negative integers, 32 to a power of two. Merging is adding counts, so figures of any two
collectors, minutes or users merge exactly; only the place of a value inside its bucket is lost. A bucket's middle is
within 1/64 (1.6 %) of every value in it.

A value ``v`` below 32 has index ``v``. Above, with ``e = v.bit_length() - 6``, the index is
``((e + 1) << 5) + (v >> e) - 32``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["FORMAT", "MAX_RELATIVE_ERROR", "bucket_index", "bucket_range", "merge", "quantile"]

FORMAT = "llm_obs.hist.v1"
MAX_RELATIVE_ERROR = 1 / 64


def bucket_index(value: int) -> int:
    """The bucket of a value; negative values count as zero."""
    if value < 32:
        return max(value, 0)
    exponent = value.bit_length() - 6
    return ((exponent + 1) << 5) + (value >> exponent) - 32


def bucket_range(index: int) -> tuple[int, int]:
    """The smallest value of a bucket and the smallest value of the next one."""
    if index < 64:
        return index, index + 1
    exponent = (index >> 5) - 1
    low = ((index & 31) + 32) << exponent
    return low, low + (1 << exponent)


def merge(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Adds up sparse histograms (bucket index to count)."""
    total: dict[int, int] = {}
    for part in parts:
        for index, count in part.items():
            total[index] = total.get(index, 0) + count
    return total


def quantile(counts: Mapping[int, int], q: float) -> float | None:
    """The value below which a share `q` of the recorded values lies (nearest rank, the middle of its bucket).

    Args:
        counts: Sparse histogram, bucket index to count.
        q: Between 0 and 1.

    Returns:
        A value in the unit of what was recorded, within `MAX_RELATIVE_ERROR` of the exact nearest-rank quantile; None
        when nothing was recorded.
    """
    total = sum(counts.values())
    if total == 0:
        return None
    rank = max(1, -(-int(q * total * 1_000_000) // 1_000_000))
    seen = 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= rank:
            low, high = bucket_range(index)
            return float(low) if high - low == 1 else (low + high - 1) / 2
    raise AssertionError("unreachable: the ranks were counted above")
