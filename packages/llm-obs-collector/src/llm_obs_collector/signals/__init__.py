"""What the collector does for each signal: how a body is prepared for the log, and how records become rows."""

from llm_obs_collector.signals.handler import Prepared, SignalHandler, SignalRows
from llm_obs_collector.signals.records import RecordReader
from llm_obs_collector.signals.registry import Signals, builtin

__all__ = ["Prepared", "RecordReader", "SignalHandler", "SignalRows", "Signals", "builtin"]
