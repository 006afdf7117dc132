"""DuckDB over lists of files: in memory, bounded, without access to anything but the store's segments."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from llm_obs_core.errors import LlmObsError, StoreError

__all__ = ["Engine", "Parameters"]


class Parameters:
    """The values of one statement, each bound under a name of its own."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def bind(self, value: Any) -> str:
        """Adds a value; returns what stands for it in the statement."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}"


class Engine:
    """A DuckDB; statements may run in several threads at once.

    Args:
        segments: The only folder it may read.
        memory_limit_bytes: Most memory for its buffers; beyond it, it spills to a temporary folder.
        threads: Threads of all statements together; 0 takes one a core.
    """

    def __init__(self, segments: Path, memory_limit_bytes: int, threads: int) -> None:
        self._limit = memory_limit_bytes
        self._spill = Path(tempfile.mkdtemp(prefix="llm-obs-lake-"))
        self._db = duckdb.connect(
            config={
                "memory_limit": f"{memory_limit_bytes}B",
                "threads": threads or os.cpu_count() or 1,
                "temp_directory": str(self._spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        self._db.execute("SET GLOBAL parquet_metadata_cache = true")
        self._db.execute("SET allowed_directories = $folders", {"folders": [f"{segments.absolute()}/"]})
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Runs a statement and returns its rows."""
        found: list[tuple[Any, ...]] = self._run(lambda db: db.execute(statement, dict(parameters)).fetchall())
        return found

    def table(self, statement: str, parameters: Mapping[str, Any]) -> pa.Table:
        """Runs a statement and returns its rows as a table."""
        return self._run(lambda db: db.sql(statement, params=dict(parameters)).to_arrow_table())

    def _run(self, work: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        with self._db.cursor() as cursor:
            try:
                return work(cursor)
            except duckdb.OutOfMemoryException as error:
                raise LlmObsError(
                    f"a question that {self._limit} bytes of memory are enough for",
                    got=str(error).partition("\n")[0],
                    fix="ask for less time or fewer groups, or raise memory_limit_bytes of the lake",
                ) from None
            except (duckdb.IOException, duckdb.InvalidInputException) as error:
                raise StoreError(
                    "files as the catalog has them",
                    got=str(error).partition("\n")[0],
                    fix="bring them back from a copy of the whole folder; files of a lake are never changed by hand",
                ) from None

    def close(self) -> None:
        """May be called twice."""
        self._db.close()
        shutil.rmtree(self._spill, ignore_errors=True)
