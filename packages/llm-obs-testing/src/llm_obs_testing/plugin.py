"""What this distribution offers to llm-obs: a log in memory, for tests. Imported at every start, so it is small."""

from __future__ import annotations

from llm_obs_core import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_testing.config import MemoryLogOptions


@hookimpl
def register_logs(register: Register) -> None:
    """`memory`."""
    register(
        "memory",
        "llm_obs_testing.log:make",
        MemoryLogOptions,
        doc="A log in memory, for tests: what is acknowledged is gone with the process.",
    )
