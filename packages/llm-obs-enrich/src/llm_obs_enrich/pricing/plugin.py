"""What pricing offers to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_enrich.pricing.config import PricingOptions

__all__ = ["register_pricers"]


@hookimpl
def register_pricers(register: Register) -> None:
    """`bundled` and `rules`."""
    register(
        "bundled", "llm_obs_enrich.pricing:make", PricingOptions, doc="Prices of 2,000 models, and your own rules."
    )
    register("rules", "llm_obs_enrich.pricing:make_rules", PricingOptions, doc="Your own prices alone.")
