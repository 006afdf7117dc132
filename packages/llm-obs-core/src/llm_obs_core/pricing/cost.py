"""Tokens times prices, in integers: the reference that the collector's compiled pricing is tested against."""

from __future__ import annotations

import msgspec

from llm_obs_core.interfaces.process import Price, PriceBand

__all__ = ["TokenBuckets", "band_of", "cost_nano_usd"]

PICO_PER_NANO = 1000


class TokenBuckets(msgspec.Struct, frozen=True):
    """Disjoint token counts: the input buckets add up to all input tokens, the output buckets to all output tokens."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_in: int = 0
    image_in: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    audio_out: int = 0

    @property
    def input_tokens(self) -> int:
        """All input tokens, which choose the price band."""
        return (
            self.input_uncached
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.audio_in
            + self.image_in
        )

    @property
    def output_tokens(self) -> int:
        """All output tokens."""
        return self.output_text + self.output_reasoning + self.audio_out


def band_of(price: Price, input_tokens: int) -> PriceBand:
    """The band whose threshold the input passes furthest."""
    found = price.bands[0]
    for band in price.bands[1:]:
        if input_tokens > band.above_input_tokens:
            found = band
    return found


def cost_nano_usd(price: Price, tokens: TokenBuckets) -> int:
    """The cost of one call in nano-dollars, rounded once, half up."""
    band = band_of(price, tokens.input_tokens)
    pico = band.request + sum(
        getattr(tokens, bucket) * getattr(band, bucket) for bucket in TokenBuckets.__struct_fields__
    )
    return int((2 * pico + PICO_PER_NANO) // (2 * PICO_PER_NANO))
