"""The durable log: what is acknowledged is on disk, and stays there until every reader has it."""

from llm_obs_collector.log.filelog import FileLog

__all__ = ["FileLog"]
