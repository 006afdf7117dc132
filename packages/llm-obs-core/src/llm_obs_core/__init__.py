"""The contracts of llm-obs: hook specifications, interfaces, model, semantic conventions, configuration, errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_obs_core.hookspecs import hookimpl, hookspec

__all__ = ["hookimpl", "hookspec"]


def __getattr__(name: str) -> Any:
    if name not in __all__:  # also asked for submodules: what an application imports must not bring pluggy along
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from llm_obs_core import hookspecs

    return getattr(hookspecs, name)
