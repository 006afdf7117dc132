"""Between accepted and derived: what is computed once, for every sink, from what was received."""

from llm_obs_collector.assembly.stage import Assembly, AssemblyStatus

__all__ = ["Assembly", "AssemblyStatus"]
