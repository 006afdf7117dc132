"""The pricer `bundled`: the user's rules, then the bundled table."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase

from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces.process import Price, PriceKey
from llm_obs_core.pricing.options import PricingOptions, PricingRule
from llm_obs_core.pricing.table import EPOCH, PriceTable, fill

__all__ = ["BundledPricer", "make"]

MAX_CACHED = 65_536
PICO_PER_TOKEN = 10**6
"""A dollar for a million tokens, in pico-dollars a token."""

_RENAMED = {"input": "input_uncached", "output": "output_text"}
_BUCKETS = (
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


def make(options: PricingOptions) -> BundledPricer:
    """The factory of the pricer `bundled`."""
    return BundledPricer(options)


class BundledPricer:
    """A `Pricer` over own rules and the table that ships with llm-obs.

    Args:
        options: The user's rules.

    Raises:
        ConfigError: A rule's price or day is not one.
    """

    def __init__(self, options: PricingOptions = PricingOptions()) -> None:  # noqa: B008  # frozen
        self._table = PriceTable()
        self._rules = [(_day(rule, n), rule, _price(rule, n)) for n, rule in enumerate(options.rules)]
        self._cache: dict[PriceKey, Price | None] = {}

    @property
    def version(self) -> int:
        """Days since 1970-01-01 of the table."""
        return (self._table.date - EPOCH).days

    def prices(self, keys: Sequence[PriceKey]) -> Sequence[Price | None]:
        """One price a key; None when neither rules nor table know it."""
        return [self._cached(key) for key in keys]

    def _cached(self, key: PriceKey) -> Price | None:
        try:
            return self._cache[key]
        except KeyError:
            if len(self._cache) >= MAX_CACHED:  # model names come from outside: bounded
                self._cache.clear()
            found = self._cache[key] = self._find(key)
            return found

    def _find(self, key: PriceKey) -> Price | None:
        for first_day, rule, price in self._rules:
            if (
                key.day >= first_day
                and fnmatchcase(key.model, rule.model)
                and fnmatchcase(key.provider, rule.provider)
                and fnmatchcase(key.tier, rule.tier)
            ):
                return price
        return self._table.find(key)


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
