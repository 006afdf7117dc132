"""What the log offers to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

from llm_obs_core.config import LogSettings
from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register

__all__ = ["register_logs"]


@hookimpl
def register_logs(register: Register) -> None:
    """`file`."""
    register("file", "llm_obs_collector.log.filelog:make", LogSettings, doc="Segments of files in server.data_dir.")
