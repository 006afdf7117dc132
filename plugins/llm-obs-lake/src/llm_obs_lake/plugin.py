"""What this distribution offers to llm-obs."""

from __future__ import annotations

from llm_obs_core import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_lake.config import LakeOptions

__all__ = ["register_commands", "register_readers", "register_sinks"]


@hookimpl
def register_sinks(register: Register) -> None:
    """`lake`."""
    register("lake", "llm_obs_lake.sink:make", LakeOptions, doc="The embedded store: Parquet files on the local disk.")


@hookimpl
def register_readers(register: Register) -> None:
    """`lake`."""
    register("lake", "llm_obs_lake.reader:make", LakeOptions, doc="The embedded store, read with DuckDB.")


@hookimpl
def register_commands(register: Register) -> None:
    """`lake`."""
    register("lake", "llm_obs_lake.commands:make", doc="Look at the embedded store, or merge it.")
