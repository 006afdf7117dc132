"""Neighbouring segments become one: spans once, bodies once, partial summaries and measures added up.

The new one has the columns of today, whichever version the old ones are of.

Files are read and written a chunk at a time. The new files are whole and durable before one transaction puts them in
the place of the old ones, which stay on disk until no reader has a lease on them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from llm_obs_lake.arrow import id_numbers, numbers
from llm_obs_lake.catalog import Catalog, Segment, storage_error
from llm_obs_lake.filter import build
from llm_obs_lake.fold import fold, fold_spans, group_starts
from llm_obs_lake.folder import Folder, ParquetFile
from llm_obs_lake.gather import Inputs, rows_at
from llm_obs_lake.plan import Unit
from llm_obs_lake.revisions import fold_annotations
from llm_obs_lake.schema import SCHEMAS, Kind
from llm_obs_lake.sums import add_measures
from llm_obs_lake.tables import first_holders, span_order
from llm_obs_lake.versions import VERSION, absent

__all__ = ["merge", "merged"]

_ROWS_AT_ONCE: Final = 16_384
Places = npt.NDArray[np.int64]


def merge(
    catalog: Catalog, folder: Folder, units: Sequence[Unit], level: int, check: Callable[[], None] = lambda: None
) -> list[Segment]:
    """Puts one segment in the place of several.

    Args:
        catalog: A connection that may write.
        folder: The store.
        units: Neighbours of one tenant and log, in order of Positions.
        level: zstd's.
        check: Called now and then; what it raises ends the merge, which leaves everything as it was.

    Returns:
        The new files.

    Raises:
        RetryableError: The disk is full or refuses; everything is as it was.
    """
    work = _Merge(folder, units, level, check)
    try:
        work.write()
        folder.publish(work.files)
        catalog.replace([segment for unit in units for segment in unit.files.values()], work.made)
    except BaseException as error:
        for file in work.files:
            file.discard()
        if isinstance(error, (OSError, sqlite3.Error)):
            raise storage_error(error, folder.path) from None
        raise
    return work.made


def merged(folder: Folder, units: Sequence[Unit], level: int, files: list[ParquetFile]) -> list[Segment]:
    """What several segments that the catalog does not have yet are together.

    Args:
        folder: The store.
        units: Parts of one range and tenant, in order.
        level: zstd's.
        files: Gets the files, which are written and not published, also when it fails.
    """
    work = _Merge(folder, units, level, lambda: None)
    try:
        work.write()
    finally:
        files += work.files
    return work.made


class _Rows(NamedTuple):
    """Rows of several files in one order: which file each is of, and which row of it."""

    source: Places
    row: Places


class _Merge:
    """One merge; `files` and `made` are what it has written so far."""

    def __init__(self, folder: Folder, units: Sequence[Unit], level: int, check: Callable[[], None]) -> None:
        self._folder = folder
        self._units = units
        self._level = level
        self._check = check
        self.files: list[ParquetFile] = []
        self.made: list[Segment] = []

    def write(self) -> None:
        if self._of("spans"):
            dropped, summaries = self._spans()
            self._content(dropped)
            if summaries is None:
                summaries = fold(self._whole("summaries").sort_by("trace_id"))
            self._table("summaries", summaries)
        self._table("measures", add_measures(self._whole("measures")))
        self._table("annotations", fold_annotations(self._whole("annotations")))

    def _of(self, kind: Kind) -> list[tuple[int, Segment]]:
        """The files of a kind, each with its index among the units."""
        return [(index, unit.files[kind]) for index, unit in enumerate(self._units) if kind in unit.files]

    def _inputs(self, kind: Kind) -> Inputs:
        return Inputs(self._folder.blobs, [segment for _, segment in self._of(kind)])

    def _whole(self, kind: Kind) -> pa.Table:
        with self._inputs(kind) as inputs:
            names = SCHEMAS[kind].names
            return pa.concat_tables([SCHEMAS[kind].empty_table(), *inputs.columns(names)]).combine_chunks()

    def _spans(self) -> tuple[npt.NDArray[np.void] | None, pa.Table | None]:
        """Writes the spans. Returns what was dropped, and their summaries if the old ones do not add up to them."""
        older = any(absent("summaries", file.schema, SCHEMAS["summaries"].names) for _, file in self._of("summaries"))
        with self._inputs("spans") as inputs:
            ids = inputs.columns(["trace_id", "span_id", "start_ns"])
            whole = pa.concat_tables(ids).combine_chunks()
            order = span_order(whole)
            rows = _located([len(table) for table in ids], order)
            summaries: list[pa.Table] = []
            again = len(order) < len(whole)
            made_anew = again or older
            file = self._file("spans")
            for chunk in inputs.chunks(*rows, _ROWS_AT_ONCE):
                self._check()
                file.write(chunk)
                if made_anew:
                    summaries.append(fold_spans(chunk))
        traces = id_numbers(whole["trace_id"])[order]
        self._finish("spans", file, build(traces[group_starts(traces)]))
        folded = fold(pa.concat_tables(summaries).combine_chunks()) if made_anew else None
        if not again:
            return None, folded
        gone = np.ones(len(whole), dtype=np.bool_)
        gone[order] = False
        sources = np.repeat([index for index, _ in self._of("spans")], [len(table) for table in ids])
        return _keys(sources, whole)[gone], folded

    def _content(self, dropped: npt.NDArray[np.void] | None) -> None:
        segments = self._of("content")
        if not segments:
            return
        with self._inputs("content") as inputs:
            ids = inputs.columns(["trace_id", "span_id", "digest", "body_row"])
            sizes = [len(table) for table in ids]
            whole = pa.concat_tables(ids).combine_chunks()
            traces = id_numbers(whole["trace_id"])
            order = np.lexsort((traces[:, 1], traces[:, 0]))
            if dropped is not None:
                sources = np.repeat([index for index, _ in segments], sizes)
                order = order[~np.isin(_keys(sources, whole), dropped)[order]]
            if not len(order):
                return
            rows = _located(sizes, order)
            holds = numbers(whole["body_row"])[order] == rows.row
            holder = first_holders(whole["digest"].combine_chunks().take(pa.array(order)), holds)
            rescued = self._rescued(whole, rows, holder, [segment for _, segment in segments], sizes)
            file = self._file("content")
            start = 0
            for chunk in inputs.chunks(*rows, _ROWS_AT_ONCE):
                self._check()
                file.write(_pointed(chunk, holder[start : start + len(chunk)], start, rescued))
                start += len(chunk)
        self._finish("content", file)

    def _rescued(
        self, whole: pa.Table, rows: _Rows, holder: Places, segments: Sequence[Segment], sizes: Sequence[int]
    ) -> dict[int, str]:
        """Bodies of rows that are to hold one and did not: the row that did was of a span that is dropped."""
        starts = np.concatenate(([0], np.cumsum(sizes)))
        body_rows = numbers(whole["body_row"])
        found: dict[int, str] = {}
        for place in np.flatnonzero(holder == np.arange(len(holder))).tolist():
            source, row = int(rows.source[place]), int(rows.row[place])
            held = int(body_rows[starts[source] + row])
            if held != row:
                found[place] = rows_at(self._folder.blobs, segments[source], [held], "body")[held]
        return found

    def _table(self, kind: Kind, table: pa.Table) -> None:
        if len(table):
            file = self._file(kind)
            file.write(table)
            self._finish(kind, file)

    def _file(self, kind: Kind) -> ParquetFile:
        first, last = self._units[0].head, self._units[-1].head
        file = ParquetFile(self._folder, first.tenant, kind, first.first_sequence, last.last_sequence, self._level)
        self.files.append(file)
        return file

    def _finish(self, kind: Kind, file: ParquetFile, bits: bytes = b"") -> None:
        first, last = self._units[0].head, self._units[-1].head
        old = [segment for _, segment in self._of(kind)]
        self.made.append(
            Segment(
                id=0,
                tenant=first.tenant,
                kind=kind,
                path=file.name,
                rows=file.rows,
                size_bytes=file.finish(),
                min_start_ns=min(segment.min_start_ns for segment in old),
                max_start_ns=max(segment.max_start_ns for segment in old),
                writer=first.writer,
                partition=first.partition,
                stream=first.stream,
                first_sequence=first.first_sequence,
                last_sequence=last.last_sequence,
                part=first.part,
                schema=VERSION,
                received_ns=max(unit.head.received_ns for unit in self._units),
                tier=first.tier,
                filter=bits,
            )
        )


def _located(sizes: Sequence[int], order: Places) -> _Rows:
    """Rows counted through all files, as file and row."""
    ends = np.cumsum(sizes)
    source = np.searchsorted(ends, order, "right")
    return _Rows(source, order - np.concatenate(([0], ends))[source])


def _keys(sources: npt.NDArray[np.int64], table: pa.Table) -> npt.NDArray[np.void]:
    """What says of which unit's which span a row is, as values that can be compared."""
    ids = [sources.astype(np.uint64)[:, None], id_numbers(table["trace_id"]), id_numbers(table["span_id"])]
    joined = np.ascontiguousarray(np.hstack(ids))
    return joined.view(np.dtype((np.void, joined.shape[1] * 8)))[:, 0]


def _pointed(chunk: pa.Table, holder: Places, start: int, rescued: dict[int, str]) -> pa.Table:
    """The chunk with bodies in the rows that hold one, and only there."""
    mine = holder == np.arange(start, start + len(chunk))
    places = np.arange(len(chunk))
    body = chunk["body"].combine_chunks().take(pa.array(places, mask=~mine))
    late = {place - start: text for place, text in rescued.items() if start <= place < start + len(chunk)}
    if late:
        body = pc.replace_with_mask(
            body, np.isin(places, list(late)), pa.array([late[place] for place in sorted(late)])
        )
    columns = {name: chunk[name] for name in chunk.column_names}
    columns |= {"body": body, "body_row": pa.array(holder.astype(np.int32))}
    return pa.table([columns[name] for name in SCHEMAS["content"].names], schema=SCHEMAS["content"])
