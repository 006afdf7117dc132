"""Rows of several sorted files in one order, a chunk at a time: no more is in memory than a row group of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.damage import UnreadableError
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.versions import absent, upgraded

__all__ = ["Inputs", "rows_at"]

Places = npt.NDArray[np.int64]
T = TypeVar("T")


class Inputs:
    """Files of one kind, read together, all with the columns of today. A context manager.

    Args:
        blobs: Where they are.
        segments: The files.
    """

    def __init__(self, blobs: BlobStore, segments: Sequence[Segment]) -> None:
        self._blobs = blobs
        self._segments = segments
        self._opened = ExitStack()
        with ExitStack() as opened:
            self._files = [opened.enter_context(_opened(blobs, segment)) for segment in segments]
            self._opened = opened.pop_all()
        self._ends = [
            np.cumsum([file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)])
            for file in self._files
        ]
        self._now: list[tuple[int, pa.Table] | None] = [None] * len(segments)

    def __enter__(self) -> Inputs:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def columns(self, names: Sequence[str]) -> list[pa.Table]:
        """Some columns of each file, whole."""
        return [self._columns(segment, file, names) for segment, file in zip(self._segments, self._files, strict=True)]

    def _columns(self, segment: Segment, file: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
        missing = absent(segment.kind, segment.schema, names)
        wanted = [name for name in names if name not in missing] or [file.schema_arrow.names[0]]
        return _read(
            self._blobs,
            segment,
            lambda: upgraded(file.read(columns=wanted, use_threads=False), segment.kind, segment.schema, names),
        )

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
            segment, source = self._segments[file], self._files[file]
            names = SCHEMAS[segment.kind].names

            def read() -> pa.Table:
                return upgraded(source.read_row_group(group, use_threads=False), segment.kind, segment.schema, names)

            now = (group, _read(self._blobs, segment, read))
            self._now[file] = now
        return now[1]


def rows_at(blobs: BlobStore, segment: Segment, rows: Sequence[int], column: str) -> dict[int, Any]:
    """One column's values of single rows of a file, by row."""
    found: dict[int, Any] = {}
    if rows:
        with _opened(blobs, segment) as file:
            begin = 0
            for group in range(file.metadata.num_row_groups):
                end = begin + file.metadata.row_group(group).num_rows
                here = [row for row in rows if begin <= row < end]
                if here:
                    values = _read(
                        blobs,
                        segment,
                        lambda: file.read_row_group(group, columns=[column], use_threads=False),  # noqa: B023
                    )[column]
                    found |= {row: values[row - begin].as_py() for row in here}
                begin = end
    return found


@contextmanager
def _opened(blobs: BlobStore, segment: Segment) -> Iterator[pq.ParquetFile]:
    with ExitStack() as stack:
        source = _read(blobs, segment, lambda: stack.enter_context(blobs.open(segment.path)))
        yield _read(blobs, segment, lambda: pq.ParquetFile(source, page_checksum_verification=True))


def _read(blobs: BlobStore, segment: Segment, read: Callable[[], T]) -> T:
    try:
        return read()
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UnreadableError(error, [blobs.locate(segment.path)]) from error
