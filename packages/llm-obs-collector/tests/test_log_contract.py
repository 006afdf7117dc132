"""The log in files passes the suite of its role."""

from pathlib import Path

from llm_obs_collector.log import FileLog
from llm_obs_core.config import LogSettings
from llm_obs_core.interfaces import Log
from llm_obs_testing.contracts.log import LogContract


class TestFileLog(LogContract):
    def make(self, folder: Path) -> Log:
        return FileLog(folder / "log", "local", LogSettings())
