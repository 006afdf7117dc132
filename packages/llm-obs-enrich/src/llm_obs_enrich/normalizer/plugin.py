"""What the normaliser offers to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register

__all__ = ["register_normalizers"]


@hookimpl
def register_normalizers(register: Register) -> None:
    """`genai`."""
    register("genai", "llm_obs_enrich.normalizer:make", doc="Foreign attribute names onto the GenAI conventions.")
