"""What spans mean and cost: normalisers and pricers as one step between scan and scrub."""

from __future__ import annotations

from collections.abc import Sequence

from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import HostOf, Hosts
from llm_obs_core.interfaces import NormalizerRules, Pricer
from llm_obs_core.plugins import Plugins
from llm_obs_core.roles import NORMALIZER, PRICER
from llm_obs_core_ext.batch import KeyTable, SpanBatch
from llm_obs_core_ext.emit import Edits
from llm_obs_core_ext.normalise import CompiledRules
from llm_obs_core_ext.price import PriceBook, Priced

__all__ = ["Meaning"]


class Meaning:
    """Canonical names, derived facts and costs.

    Args:
        rules: Of each normaliser, in order; without any, only the facts are derived.
        pricers: In the order in which they are asked; without any, nothing is priced.

    Raises:
        PluginError: A rule that cannot be applied.
    """

    def __init__(self, rules: Sequence[NormalizerRules] = (), pricers: Sequence[Pricer] = ()) -> None:
        self._rules = CompiledRules(rules)
        self._prices = PriceBook(pricers, self._rules.keys)
        self._prices.version  # noqa: B018  # reads the price table now, not in the first request

    @classmethod
    def configured(cls, installed: Plugins, config: Config, host_of: HostOf = Hosts()) -> Meaning:  # noqa: B008
        """What `[normalize]` and `[pricing]` say.

        Raises:
            PluginError: A component is not installed.
            ConfigError: An option or a rule does not fit.
        """
        normalizers = build(NORMALIZER, installed, config, host_of)
        pricers = build(PRICER, installed, config, host_of)
        return cls([item.rules() for _, item in normalizers], [item for _, item in pricers])

    @property
    def keys(self) -> KeyTable:
        """The keys to scan with."""
        return self._rules.keys

    @property
    def normalizer_version(self) -> int:
        """For log records."""
        return self._rules.version

    @property
    def prices_version(self) -> int:
        """For log records."""
        return self._prices.version

    def apply(self, batch: SpanBatch, edits: Edits) -> Priced:
        """Adds to `edits`; says how many calls have a cost."""
        self._rules.apply(batch, edits)
        return self._prices.apply(batch, edits)
