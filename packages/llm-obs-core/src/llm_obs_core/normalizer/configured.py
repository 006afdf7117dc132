"""From the section `[normalize]` to rules."""

from __future__ import annotations

from llm_obs_core.components import check_options
from llm_obs_core.config import Normalize
from llm_obs_core.interfaces.operations import Normalizer, NormalizerRules
from llm_obs_core.plugins import Plugins

__all__ = ["configured"]


def configured(installed: Plugins, section: Normalize) -> list[NormalizerRules]:
    """The rules of the normalisers that are named, in order.

    Args:
        installed: The plugins.
        section: `[normalize]`.

    Raises:
        PluginError: A normaliser is not installed.
        ConfigError: An option does not fit.
    """
    check_options(section.options, section.normalizers, "normalize.normalizers")
    rules: list[NormalizerRules] = []
    for name in section.normalizers:
        registration = installed.get("normalizer", name, where="normalize.normalizers")
        normalizer: Normalizer = registration.make(section.options.get(name), where=f"normalize.options.{name}")
        rules.append(normalizer.rules())
    return rules
