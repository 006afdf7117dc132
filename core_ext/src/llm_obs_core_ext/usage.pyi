"""Disjoint token buckets, compiled; other Cython modules use `usage.pxd`."""

from llm_obs_core.pricing.cost import TokenBuckets
from llm_obs_core.pricing.usage import Counts

def settled(counts: Counts) -> TokenBuckets | None:
    """As `llm_obs_core.pricing.usage.settle`, whose rules it keeps; counts are ints of 64 bits."""
