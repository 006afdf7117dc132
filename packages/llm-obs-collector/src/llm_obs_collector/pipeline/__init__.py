"""From a request's bytes to a durable record: what its signal makes of it, then the log."""

from llm_obs_collector.pipeline.pipeline import Pipeline
from llm_obs_collector.signals.meaning import Meaning

__all__ = ["Meaning", "Pipeline"]
