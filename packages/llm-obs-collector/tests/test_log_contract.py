"""The file log by the contract of every log."""

from pathlib import Path

from llm_obs_collector.log import FileLog
from llm_obs_core.config import LogSettings
from llm_obs_core.interfaces import Log
from llm_obs_testing.contracts.log import LogContract


class TestFileLog(LogContract):
    def make(self, folder: Path) -> Log:
        return FileLog(folder / "log", "local", LogSettings())

    def full(self, folder: Path) -> Log:
        return FileLog(folder / "log", "local", LogSettings(max_bytes=4 * 1024 * 1024))


class TestFileLogCompressed(LogContract):
    def make(self, folder: Path) -> Log:
        return FileLog(folder / "log", "local", LogSettings(codec="zstd", segment_bytes=64 * 1024))
