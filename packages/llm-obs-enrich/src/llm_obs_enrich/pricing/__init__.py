"""What calls cost: a bundled table of prices and the user's own rules before it.

The table is compiled from the genai-prices data set into integers (`nox -s prices`); nothing is fetched at run time.
"""

from llm_obs_enrich.pricing.bundled import BundledPricer, make
from llm_obs_enrich.pricing.config import PricingOptions, PricingRule
from llm_obs_enrich.pricing.rules import RulePricer, make_rules

__all__ = [
    "BundledPricer",
    "PricingOptions",
    "PricingRule",
    "RulePricer",
    "make",
    "make_rules",
]
