"""The Anthropic SDK's own spans. Their totals contain cached tokens."""

from __future__ import annotations

from typing import Final

from llm_obs_core.interfaces.operations import Operation

__all__ = ["CONTENT", "EARLY"]

EARLY: Final[tuple[Operation, ...]] = ()
CONTENT: Final[tuple[Operation, ...]] = ()
