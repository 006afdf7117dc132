"""The options of the bundled pricer: the user's own prices."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["PricingOptions", "PricingRule"]

Usd = str | int | float
"""US dollars for a million tokens; text keeps every digit."""


class PricingRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One price of the user's, `[[pricing.rules]]`, in US dollars for a million tokens; rules win over every pricer.

    Of several rules that fit a call, the one with the newest `valid_from` that is not after the call's day wins, of
    those the first.
    """

    model: Annotated[str, Meta(description="Model name; `*` stands for any characters.")]
    input: Annotated[Usd, Meta(description="Input tokens; text keeps every digit.")]
    output: Annotated[Usd, Meta(description="Output tokens.")] = 0
    provider: Annotated[str, Meta(description="Provider as gen_ai.provider.name has it, or `*`.")] = "*"
    tier: Annotated[
        str, Meta(description="Service tier, `*` for every tier; empty or `default` for the standard one.")
    ] = "*"
    valid_from: Annotated[
        str, Meta(description="First day, YYYY-MM-DD, UTC.", pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    ] = "1970-01-01"
    cache_read: Annotated[Usd | None, Meta(description="Input read from a cache; else as input.")] = None
    cache_write_5m: Annotated[
        Usd | None, Meta(description="Input written to a cache for 5 minutes; else as input.")
    ] = None
    cache_write_1h: Annotated[Usd | None, Meta(description="The same for an hour; else as cache_write_5m.")] = None
    audio_in: Annotated[Usd | None, Meta(description="Audio input; else as input.")] = None
    image_in: Annotated[Usd | None, Meta(description="Image input; else as input.")] = None
    output_reasoning: Annotated[Usd | None, Meta(description="Reasoning; else as output.")] = None
    audio_out: Annotated[Usd | None, Meta(description="Audio output; else as output.")] = None


class PricingOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the pricers `bundled` and `rules`."""

    rules: tuple[PricingRule, ...] = ()
