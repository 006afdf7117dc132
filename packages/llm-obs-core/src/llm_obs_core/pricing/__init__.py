"""What calls cost: a bundled table of prices and the user's own rules before it.

The table is compiled from the genai-prices data set into integers (`nox -s prices`); nothing is fetched at run time.
"""

from llm_obs_core.pricing.bundled import BundledPricer, make
from llm_obs_core.pricing.config import PricingOptions, PricingRule
from llm_obs_core.pricing.configured import configured
from llm_obs_core.pricing.cost import TokenBuckets, cost_nano_usd
from llm_obs_core.pricing.rules import RulePricer

__all__ = [
    "BundledPricer",
    "PricingOptions",
    "PricingRule",
    "RulePricer",
    "TokenBuckets",
    "configured",
    "cost_nano_usd",
    "make",
]
