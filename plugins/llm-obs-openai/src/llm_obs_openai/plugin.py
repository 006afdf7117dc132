"""What this distribution offers to llm-obs."""

from __future__ import annotations

from llm_obs_core import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_openai.config import OpenAIOptions

__all__ = ["register_instrumentors"]


@hookimpl
def register_instrumentors(register: Register) -> None:
    """`openai`."""
    register("openai", "llm_obs_openai.instrumentor:make", OpenAIOptions, doc="Calls of the openai client.")
