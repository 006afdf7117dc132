"""The contracts of llm-obs: hook specifications, interfaces, model, semantic conventions, configuration, errors."""

from llm_obs_core.hookspecs import hookimpl, hookspec

__all__ = ["hookimpl", "hookspec"]
