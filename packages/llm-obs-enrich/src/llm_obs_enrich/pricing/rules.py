"""The user's own prices: `[[pricing.rules]]`."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Final

from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import Host, Price, PriceKey

from llm_obs_enrich.pricing.config import PricingOptions, PricingRule
from llm_obs_enrich.pricing.table import EPOCH, fill, tier_of

__all__ = ["RulePricer", "make_rules"]

PICO_PER_TOKEN: Final = 10**6
"""A dollar for a million tokens, in pico-dollars a token."""

_RENAMED: Final = {"input": "input_uncached", "output": "output_text"}
_BUCKETS: Final = (
    "input",
    "output",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "audio_in",
    "image_in",
    "output_reasoning",
    "audio_out",
)


def make_rules(options: PricingOptions, host: Host) -> RulePricer:
    """The factory of the pricer `rules`."""
    return RulePricer(options.rules)


class RulePricer:
    """A `Pricer` of rules alone. Of several that fit, the one that is valid last wins, of those the first.

    Args:
        rules: In the order of the configuration.

    Raises:
        ConfigError: A rule's price or day is not one.
    """

    version = 0
    """Rules have no date of their own; the price id names the rule."""

    def __init__(self, rules: Sequence[PricingRule]) -> None:
        numbered = [(_day(rule, n), rule, _price(rule, n)) for n, rule in enumerate(rules)]
        self._rules = sorted(numbered, key=lambda item: -item[0])

    def prices(self, keys: Sequence[PriceKey]) -> Sequence[Price | None]:
        """One price a key; None when no rule fits."""
        return [self.find(key) for key in keys]

    def find(self, key: PriceKey) -> Price | None:
        """The price of one key."""
        tier = tier_of(key.tier)
        for first_day, rule, price in self._rules:
            if (
                key.day >= first_day
                and fnmatchcase(key.model, rule.model)
                and fnmatchcase(key.provider, rule.provider)
                and fnmatchcase(tier, tier_of(rule.tier))
            ):
                return price
        return None


def _day(rule: PricingRule, number: int) -> int:
    try:
        return (datetime.date.fromisoformat(rule.valid_from) - EPOCH).days
    except ValueError:
        raise ConfigError(
            "a day as YYYY-MM-DD",
            got=repr(rule.valid_from),
            where=f"pricing.rules[{number}].valid_from",
            fix="correct the day",
        ) from None


def _price(rule: PricingRule, number: int) -> Price:
    band = {}
    for name in _BUCKETS:
        value = getattr(rule, name)
        if value is None:
            continue
        try:
            pico = Decimal(str(value)) * PICO_PER_TOKEN
            if not pico.is_finite() or pico < 0 or pico != pico.to_integral_value():
                raise InvalidOperation
        except InvalidOperation:
            raise ConfigError(
                "US dollars for a million tokens, not negative, at most 6 decimals",
                got=repr(value),
                where=f"pricing.rules[{number}].{name}",
                fix="correct the price",
            ) from None
        band[_RENAMED.get(name, name)] = int(pico)
    return Price(f"rule/{number}/{rule.provider}/{rule.model}", (fill(band),))
