"""What pricing offers to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register
from llm_obs_core.pricing.config import PricingOptions

__all__ = ["register_pricers"]


@hookimpl
def register_pricers(register: Register) -> None:
    """`bundled`."""
    register("bundled", "llm_obs_core.pricing:make", PricingOptions, doc="Prices of 2,000 models, and your own rules.")
