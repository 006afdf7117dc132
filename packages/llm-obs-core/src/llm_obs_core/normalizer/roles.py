"""Bounds of the search for calls that a request reports more than once; `llm_obs_enrich.normalizer.roles` says how."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_COPIES", "MAX_LEVELS"]

MAX_LEVELS: Final = 64
"""How far above a model call another one that reports the same is looked for."""

MAX_COPIES: Final = 16
"""A response id that more calls of a request have is none."""
