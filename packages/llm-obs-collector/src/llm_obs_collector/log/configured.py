"""The log that a configuration names, for commands that look into it while no collector has it open."""

from __future__ import annotations

from llm_obs_core import plugins
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Log
from llm_obs_core.roles import LOG

__all__ = ["configured_log"]


def configured_log(config: Config) -> Log:
    """The log; it is not started.

    Raises:
        PluginError: It is not installed.
        ConfigError: Its options do not fit.
    """
    ((_, log),) = build(LOG, plugins.load(), config, Hosts(config.server))
    return log
