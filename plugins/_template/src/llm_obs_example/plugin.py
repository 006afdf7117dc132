"""What this distribution offers to llm-obs. Imported at every start: nothing heavy is imported here."""

from __future__ import annotations

from llm_obs_core import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_example.config import JsonLinesOptions


@hookimpl
def register_sinks(register: Register) -> None:
    """`jsonl`."""
    register("jsonl", "llm_obs_example.sink:make", JsonLinesOptions, doc="Spans as JSON lines in one file.")
