"""Rows of several sorted files in one order, a chunk at a time: no more is in memory than a row group of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from llm_obs_lake.damage import UnreadableError
from llm_obs_lake.schema import SCHEMAS, Kind

__all__ = ["Inputs", "rows_at"]

Places = npt.NDArray[np.int64]
T = TypeVar("T")


class Inputs:
    """Files of one kind, read together. A context manager.

    Args:
        paths: The files.
        kind: What they hold.
    """

    def __init__(self, paths: Sequence[Path], kind: Kind) -> None:
        self._schema = SCHEMAS[kind]
        self._paths = paths
        self._files = [_open(path) for path in paths]
        self._ends = [
            np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
            for file in self._files
        ]
        self._now: list[tuple[int, pa.Table] | None] = [None] * len(paths)

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *error: object) -> None:
        with ExitStack() as stack:
            for file in self._files:
                stack.callback(file.close)

    def columns(self, names: Sequence[str]) -> list[pa.Table]:
        """Some columns of each file, whole."""
        schema = pa.schema([self._schema.field(name) for name in names])
        return [
            _read(path, lambda file=file: file.read(columns=list(names), use_threads=False)).cast(schema)  # type: ignore[misc]
            for path, file in zip(self._paths, self._files, strict=True)
        ]

    def chunks(self, source: Places, row: Places, rows_at_once: int) -> Iterator[pa.Table]:
        """The rows in the order given.

        Args:
            source: Which file each row is of.
            row: Which row of it; ascending within each file.
            rows_at_once: Rows of a chunk.
        """
        for start in range(0, len(source), rows_at_once):
            sources, rows = source[start : start + rows_at_once], row[start : start + rows_at_once]
            place = np.empty(len(rows), dtype=np.int64)
            tables: list[pa.Table] = []
            before = 0
            for file in np.unique(sources):
                mine = sources == file
                first, last = int(rows[mine][0]), int(rows[mine][-1])
                tables.append(self._range(int(file), first, last + 1))
                place[mine] = before + rows[mine] - first
                before += last + 1 - first
            yield pa.concat_tables(tables).combine_chunks().take(pa.array(place))

    def _range(self, file: int, first: int, end: int) -> pa.Table:
        ends: Any = self._ends[file]
        groups = range(np.searchsorted(ends, first, "right"), np.searchsorted(ends, end, "left") + 1)
        parts = []
        for group in groups:
            begin = int(ends[group - 1]) if group else 0
            table = self._group(file, group)
            parts.append(table.slice(max(first - begin, 0), min(end, int(ends[group])) - max(first, begin)))
        return pa.concat_tables(parts)

    def _group(self, file: int, group: int) -> pa.Table:
        now = self._now[file]
        if now is None or now[0] != group:
            found = _read(self._paths[file], lambda: self._files[file].read_row_group(group, use_threads=False))
            now = (group, found.cast(self._schema))
            self._now[file] = now
        return now[1]


def rows_at(path: str | Path, rows: Sequence[int], column: str) -> dict[int, Any]:
    """One column's values of single rows of a file, by row."""
    found: dict[int, Any] = {}
    if rows:
        with _open(path) as file:
            begin = 0
            for group in range(file.metadata.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                here = [row for row in rows if begin <= row < end]
                if here:
                    values = _read(
                        path,
                        lambda: file.read_row_group(group, columns=[column], use_threads=False),  # noqa: B023
                    )[column]
                    found |= {row: values[row - begin].as_py() for row in here}
                begin = end
    return found


def _open(path: str | Path) -> pq.ParquetFile:
    return _read(path, lambda: pq.ParquetFile(path, page_checksum_verification=True))


def _read(path: str | Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UnreadableError(error, [path]) from error
