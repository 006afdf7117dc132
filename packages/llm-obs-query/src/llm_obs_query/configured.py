"""The readers of a configuration, for whoever asks them: the query API and the commands that look."""

from __future__ import annotations

from typing import cast

import structlog
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Logger, Reader
from llm_obs_core.plugins import Plugins
from llm_obs_core.roles import READER

__all__ = ["make_readers"]


def make_readers(installed: Plugins, config: Config) -> dict[str, Reader]:
    """The readers of `[readers.<name>]` by name; none is opened.

    Raises:
        PluginError: A reader is not installed.
        ConfigError: Its options do not fit.
    """
    return dict(build(READER, installed, config, Hosts(config.server, _logger)))


def _logger(role: str, name: str) -> Logger:
    return cast(Logger, structlog.get_logger(f"llm_obs.{role}", **{role: name}))
