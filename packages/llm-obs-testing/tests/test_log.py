"""The log in memory passes the suite of its role."""

from pathlib import Path

from llm_obs_core.interfaces import Log
from llm_obs_testing.contracts.log import LogContract
from llm_obs_testing.log import MemoryLog


class TestMemoryLog(LogContract):
    def make(self, folder: Path) -> Log:
        kept: dict[Path, MemoryLog] = self.__dict__.setdefault("kept", {})
        return kept.setdefault(folder, MemoryLog())
