"""The pricer `bundled`: the user's rules, then the table that ships with llm-obs."""

from __future__ import annotations

from collections.abc import Sequence

from llm_obs_core.interfaces import Host, Price, PriceKey
from llm_obs_core.metrics import PRICE_TABLE

from llm_obs_enrich.pricing.config import PricingOptions
from llm_obs_enrich.pricing.rules import RulePricer
from llm_obs_enrich.pricing.table import EPOCH, PriceTable

__all__ = ["BundledPricer", "make"]

MAX_CACHED = 65_536
SECONDS_PER_DAY = 86_400


def make(options: PricingOptions, host: Host) -> BundledPricer:
    """The factory of the pricer `bundled`; it says how old the table is."""
    pricer = BundledPricer(options)
    host.metrics.register(PRICE_TABLE)(pricer.version * SECONDS_PER_DAY)
    return pricer


class BundledPricer:
    """A `Pricer` over own rules and the bundled table.

    Args:
        options: The user's rules.

    Raises:
        ConfigError: A rule's price or day is not one.
    """

    def __init__(self, options: PricingOptions = PricingOptions()) -> None:  # noqa: B008  # frozen
        self._table = PriceTable()
        self._rules = RulePricer(options.rules)
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
            found = self._cache[key] = self._rules.find(key) or self._table.find(key)
            return found
