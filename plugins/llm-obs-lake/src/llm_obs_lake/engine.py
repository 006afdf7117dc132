"""DuckDB over lists of files: in memory, bounded, without access to anything but the store's segments."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from llm_obs_core.errors import LlmObsError

from llm_obs_lake.damage import UnreadableError

__all__ = ["Engine", "Parameters", "too_large"]


def too_large(limit_bytes: int, got: str) -> LlmObsError:
    """A question that needs more memory than it may have."""
    return LlmObsError(
        f"a question that {limit_bytes} bytes of memory are enough for",
        got=got,
        fix="ask for less time or fewer groups, or raise memory_limit_bytes of the lake",
    )


_NAMES: Final = re.compile(r"\$(\w+)")


def _used(statement: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that stand in a statement; DuckDB refuses others."""
    return {name: parameters[name] for name in _NAMES.findall(statement)}


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
        self._segments = segments
        self._limit = memory_limit_bytes
        self._threads = threads or os.cpu_count() or 1
        self._asking = threading.local()
        self._spill = Path(tempfile.mkdtemp(prefix="llm-obs-lake-"))
        self._renewing = threading.Lock()
        self._db = self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(
            config={
                "memory_limit": f"{self._limit}B",
                "threads": self._threads,
                "temp_directory": str(self._spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            }
        )
        db.execute("SET GLOBAL parquet_metadata_cache = true")
        db.execute("SET allowed_directories = $folders", {"folders": [f"{self._segments.absolute()}/"]})
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        return db

    def begin(self) -> None:
        """A new question of this thread."""
        self._asking.paths = []

    def read(self) -> list[str]:
        """The files that the thread's question has read."""
        return list(self._asking.paths)

    def check_expression(self, expression: str) -> None:
        """Refuses a regular expression that the engine's RE2 does not take.

        Raises:
            LlmObsError: It is too large, or none.
        """
        try:
            with self._db.cursor() as cursor:
                cursor.execute("SELECT regexp_matches('', $expression)", {"expression": expression})
        except duckdb.Error as error:
            raise LlmObsError(
                "an RE2 expression that the lake takes",
                got=f"{expression[:100]!r}: {str(error).partition(chr(10))[0]}",
                where="filter.value",
                fix="write a shorter or simpler one",
            ) from None

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Runs a statement and returns its rows.

        Raises:
            UnreadableError: A file of it is not there or not whole.
        """
        used = _used(statement, parameters)
        found: list[tuple[Any, ...]] = self._run(lambda db: db.execute(statement, used).fetchall(), used)
        return found

    def table(self, statement: str, parameters: Mapping[str, Any]) -> pa.Table:
        """Runs a statement and returns its rows as a table; raises as `rows`."""
        used = _used(statement, parameters)
        return self._run(lambda db: db.sql(statement, params=used).to_arrow_table(), used)

    def probe(self, path: str) -> str:
        """What is wrong with a file that is read whole; empty when nothing is."""
        try:
            self.rows("SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet($path)", {"path": path})
        except UnreadableError as error:
            return str(error.cause).partition("\n")[0]
        return ""

    def _run(self, work: Callable[[duckdb.DuckDBPyConnection], Any], parameters: Mapping[str, Any]) -> Any:
        lists = [value for value in parameters.values() if isinstance(value, list)]
        paths = [path for values in lists for path in values if isinstance(path, str)]
        self._asking.__dict__.setdefault("paths", []).extend(paths)
        return self._ask(work, paths)

    def _ask(self, work: Callable[[duckdb.DuckDBPyConnection], Any], paths: list[str], again: bool = True) -> Any:
        db = self._db
        try:
            with db.cursor() as cursor:
                return work(cursor)
        except duckdb.OutOfMemoryException as error:
            raise too_large(self._limit, str(error).partition("\n")[0]) from None
        except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException):
            raise
        except (duckdb.FatalException, duckdb.InternalException) as error:  # it answers nobody any more
            self._renew(db)
            if not again:
                raise UnreadableError(error, paths) from error
        except (duckdb.Error, pa.ArrowException, UnicodeError) as error:  # damage has no class of its own
            raise UnreadableError(error, paths) from error
        return self._ask(work, paths, again=False)  # it may have been another question's fault

    def _renew(self, broken: duckdb.DuckDBPyConnection) -> None:
        with self._renewing:
            if self._db is broken:
                self._db = self._open()
                broken.close()

    def close(self) -> None:
        """May be called twice."""
        self._db.close()
        shutil.rmtree(self._spill, ignore_errors=True)
