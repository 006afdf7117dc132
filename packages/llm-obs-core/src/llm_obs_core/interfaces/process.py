"""Between receiver and log: pricers and scrubbers. They declare; core_ext does the work per span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

__all__ = ["Price", "PriceBand", "PriceKey", "Pricer", "ScrubRules", "Scrubber"]


class PriceKey(msgspec.Struct, frozen=True, order=True):
    """What a price depends on.

    Attributes:
        provider: `gen_ai.provider.name`.
        model: The model that answered, else the one asked for.
        tier: Service tier as the provider calls it; empty when none was named.
        region: Region, empty when unknown.
        day: Days since 1970-01-01 of the call's start, UTC.
    """

    provider: str
    model: str
    tier: str = ""
    region: str = ""
    day: int = 0


class PriceBand(msgspec.Struct, frozen=True):
    """Prices in integer pico-dollars (10⁻¹² USD) a token, for requests with more than `above_input_tokens` of input.

    The names are those of the token buckets. A bucket without a price of its own costs what `input_uncached` or
    `output_text` costs: the pricer fills that in, so every field here is final.
    """

    above_input_tokens: int = 0
    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    audio_in: int = 0
    image_in: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    audio_out: int = 0
    request: int = 0


class Price(msgspec.Struct, frozen=True):
    """A rule's price vector; the band with the greatest `above_input_tokens` below the request's input applies."""

    price_id: str
    bands: tuple[PriceBand, ...]


class Pricer(Protocol):
    """Knows prices; asked once per distinct key, never per span."""

    @property
    def version(self) -> int:
        """Stamped on log records: days since 1970-01-01 of the price table."""

    def prices(self, keys: Sequence[PriceKey]) -> Sequence[Price | None]:
        """One answer a key; None is "unknown", which is not the same as free (a vector of zeros)."""


class ScrubRules(msgspec.Struct, frozen=True):
    """What a declarative scrubber looks for and how a hit is written over.

    Attributes:
        version: Stamped on log records.
        builtin: Names of core_ext's native patterns.
        patterns: Named RE2 expressions of the user.
        style: `redact` writes `[REDACTED:<name>]`; `pseudonym` writes `[<name>:<16 hex digits>]`, a keyed BLAKE2b of
            the value, equal for equal values.
        key: The pseudonyms' key, at least 16 bytes.
    """

    version: int
    builtin: tuple[str, ...] = ()
    patterns: tuple[tuple[str, str], ...] = ()
    style: Literal["redact", "pseudonym"] = "redact"
    key: bytes = b""


class Scrubber(Protocol):
    """A declarative scrubber; all of them are compiled into one scan per batch."""

    def rules(self) -> ScrubRules:
        """Read once at start-up."""
