"""Older releases of the GenAI conventions themselves: content in one attribute."""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Extract, Operation, Place

from llm_obs_enrich.normalizer.conventions.common import content

__all__ = ["CONTENT", "EARLY"]

EARLY: Final[tuple[Operation, ...]] = ()

CONTENT: Final[tuple[Operation, ...]] = (
    *content(semconv.INPUT_MESSAGES, Place("gen_ai.prompt")),
    *content(semconv.OUTPUT_MESSAGES, Place("gen_ai.completion")),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place("tool.parameters"),), take=True),
)
