"""From a request's bytes to a durable record: scan, normalise, price, scrub, emit, log."""

from llm_obs_collector.pipeline.meaning import Meaning
from llm_obs_collector.pipeline.pipeline import Pipeline

__all__ = ["Meaning", "Pipeline"]
