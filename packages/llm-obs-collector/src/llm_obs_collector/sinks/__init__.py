"""From the log to the stores: one worker a sink, each with its own pace, retries, breaker and dead letters."""

from llm_obs_collector.sinks.worker import SinkStatus, SinkWorker
from llm_obs_collector.sinks.workers import Workers

__all__ = ["SinkStatus", "SinkWorker", "Workers"]
