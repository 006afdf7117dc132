"""From a request's bytes to a durable record: scan, scrub, emit, log."""

from llm_obs_collector.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]
