"""The options of the bundled pricer: the user's own prices."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["PricingOptions", "PricingRule"]

Usd = Annotated[str | int | float, Meta(description="US dollars for a million tokens; text keeps every digit.")]


class PricingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price of the user's, `[[pricing.rules]]`; rules win over every pricer.

    Of several rules that fit a call, the one with the newest `valid_from` that is not after the call's day wins, of
    those the first.

    Attributes:
        model: Model name; `*` stands for any characters.
        provider: Provider name, or `*`.
        tier: Service tier, `*` for every tier; empty or `default` for the standard one.
        valid_from: First day, `YYYY-MM-DD`, UTC.
        input: Input tokens.
        output: Output tokens.
        cache_read: Input tokens read from a cache; as `input` when not given.
        cache_write_5m: Input tokens written to a cache for 5 minutes; as `input` when not given.
        cache_write_1h: … for an hour; as `cache_write_5m` when not given.
        audio_in: As `input` when not given.
        image_in: As `input` when not given.
        output_reasoning: As `output` when not given.
        audio_out: As `output` when not given.
    """

    model: str
    input: Usd
    output: Usd = 0
    provider: str = "*"
    tier: str = "*"
    valid_from: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")] = "1970-01-01"
    cache_read: Usd | None = None
    cache_write_5m: Usd | None = None
    cache_write_1h: Usd | None = None
    audio_in: Usd | None = None
    image_in: Usd | None = None
    output_reasoning: Usd | None = None
    audio_out: Usd | None = None


class PricingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the pricer `bundled`."""

    rules: tuple[PricingRule, ...] = ()
