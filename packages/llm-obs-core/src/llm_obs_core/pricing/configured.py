"""From the section `[pricing]` to pricers: the one way that the collector and the command line take."""

from __future__ import annotations

import msgspec

from llm_obs_core.components import check_options
from llm_obs_core.config import Pricing
from llm_obs_core.config.wrong import Wrong, find
from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces.process import Pricer
from llm_obs_core.plugins import Plugins
from llm_obs_core.pricing.config import PricingRule
from llm_obs_core.pricing.rules import RulePricer

__all__ = ["configured"]


def configured(installed: Plugins, section: Pricing) -> list[Pricer]:
    """The pricers in the order in which they are asked: own rules first, then those that are named.

    Args:
        installed: The plugins.
        section: `[pricing]`.

    Raises:
        PluginError: A pricer is not installed.
        ConfigError: A rule or an option does not fit.
    """
    check_options(section.options, section.pricers, "pricing.pricers")
    pricers: list[Pricer] = []
    if section.rules:
        try:
            rules = msgspec.convert(section.rules, tuple[PricingRule, ...], strict=False)
        except msgspec.ValidationError as error:
            wrong = find(section.rules, tuple[PricingRule, ...], "pricing.rules") or Wrong(
                "pricing.rules", "rules", str(error)
            )
            raise ConfigError(
                wrong.expected, got=wrong.got, where=wrong.path, fix="correct the section [[pricing.rules]]"
            ) from None
        pricers.append(RulePricer(rules))
    for name in section.pricers:
        registration = installed.get("pricer", name, where="pricing.pricers")
        pricers.append(registration.make(section.options.get(name), where=f"pricing.options.{name}"))
    return pricers
