"""What each library sends that is more than another name: one module each, with two lists of operations.

`EARLY` runs before names are renamed, `CONTENT` when the operation is known. Token counts: the conventions' totals
contain cached tokens; where a library's do not, its module adds them up.
"""

from llm_obs_enrich.normalizer.conventions import (
    genai,
    langfuse,
    logfire,
    openinference,
    openllmetry,
    vercel,
)

__all__ = ["CONVENTIONS"]

CONVENTIONS = (openinference, openllmetry, langfuse, logfire, vercel, genai)
"""In the order in which they are applied."""
