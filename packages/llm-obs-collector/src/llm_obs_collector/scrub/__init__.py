"""Removing secrets and personal data from a batch before anything of it reaches a disk."""

from llm_obs_collector.scrub.patterns import BUILTIN, DEFAULT
from llm_obs_collector.scrub.scanner import Scanner, Scrubbed

__all__ = ["BUILTIN", "DEFAULT", "Scanner", "Scrubbed"]
