"""Foreign names and values onto the canonical ones: the built-in rules, and what rules mean."""

from llm_obs_enrich.normalizer.genai import VERSION, GenAiNormalizer, make
from llm_obs_enrich.normalizer.reference import apply, derive

__all__ = ["VERSION", "GenAiNormalizer", "apply", "derive", "make"]
