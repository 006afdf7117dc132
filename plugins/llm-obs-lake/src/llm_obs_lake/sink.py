"""The sink: a write becomes files, and then one row a file and a Position in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from llm_obs_core.errors import PermanentError, StoreError
from llm_obs_core.interfaces import Host, SinkLimits, SinkPart, SinkWrite
from llm_obs_core.model import PayloadKind, Position
from llm_obs_core.threads import in_thread

from llm_obs_lake.arrow import id_numbers
from llm_obs_lake.catalog import Catalog, Segment, storage_error
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.filter import build
from llm_obs_lake.fold import group_starts
from llm_obs_lake.folder import Folder, ParquetFile
from llm_obs_lake.pieces import Ids, Piece, ids_of, mark_of, together
from llm_obs_lake.schema import Kind
from llm_obs_lake.tables import Made, tables_of
from llm_obs_lake.upkeep import Background, Upkeep
from llm_obs_lake.versions import VERSION

__all__ = ["LakeSink", "make"]

T = TypeVar("T")

_LIMITS: Final = SinkLimits(
    kinds=frozenset({PayloadKind.SPANS, PayloadKind.CONTENTS, PayloadKind.MEASURES, PayloadKind.ANNOTATIONS})
)
_STOPPED: Final = "a call before start or after stop"


def make(options: LakeOptions, host: Host) -> LakeSink:
    """The factory of the sink `lake`."""
    return LakeSink(options, host)


class LakeSink:
    """A transactional `Sink`: the Position is stored with the data, so that nothing is stored twice.

    Args:
        options: The lake's options.
        host: Says where the store is and whose Position it starts from; None for a lake of its own folder, which
            goes on after whoever wrote last.
        folder: The store; as the options say when None.
    """

    def __init__(self, options: LakeOptions, host: Host | None = None, folder: Folder | None = None) -> None:
        self._options = options
        self._writer = "" if host is None else host.writer
        self._logger = structlog.get_logger("llm_obs.lake") if host is None else host.logger
        if folder is None:
            folder = Folder(options.folder_in(Path() if host is None else host.data_dir))
        self._folder = folder
        self._catalog: Catalog | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._upkeep: Background | None = None
        self._begun: list[Piece] = []  # of one range
        self._waste: list[Segment] = []

    @property
    def limits(self) -> SinkLimits:
        """Spans with their messages, measures, annotations."""
        return _LIMITS

    async def start(self) -> Position | None:
        """Opens the store; returns the last Position stored: a derived one, or what an older version stored last.

        Raises:
            StoreError: Another process writes it, it cannot be written, or a newer version has written it.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lake-sink")
        return await self._run(self._open)

    async def write(self, write: SinkWrite) -> None:
        """Stores the parts, all or none. What is stored already is passed over.

        Raises:
            RetryableError: The disk is full or refuses.
            PermanentError: Rows of a kind that it does not take, or without a column that they must have.
            StoreError: The write begins within what is stored already, or behind a range that was not finished, or the
                sink is not started.
        """
        await self._run(self._write, write)

    async def stop(self) -> None:
        """Closes the store. May be called twice and after a failed start."""
        if self._thread is not None:
            await self._run(self._close)
            self._thread.shutdown()
            self._thread = None

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        if self._thread is None:
            raise StoreError("a lake that was started", got=_STOPPED)
        return await in_thread(work, *args, pool=self._thread)

    def _open(self) -> Position | None:
        self._folder.open()
        try:
            self._catalog = Catalog(self._folder.catalog, write=True)
            self._catalog.snapshot()  # segments of a newer version are refused here
            self._folder.remove_orphans(self._catalog.paths())
            stored = self._catalog.position(self._writer)
            self._upkeep = Background(Upkeep(self._folder, self._options), self._options.merge_interval_s, self._logger)
        except BaseException:
            self._close()
            raise
        return None if stored is None else stored.position

    def _close(self) -> None:
        if self._upkeep is not None:
            self._upkeep.stop()
            self._upkeep = None
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None
        self._waste += [segment for piece in self._begun for segment in piece.segments]
        self._begun = []
        self._tidy()
        self._folder.close()

    def _write(self, write: SinkWrite) -> None:
        if self._catalog is None:
            raise StoreError("a lake that was started", got=_STOPPED)
        first, last = write.first, write.last
        stored = self._catalog.position(last.writer, last.partition, last.stream)
        if stored is not None and last <= stored.position:
            return
        if stored is not None and first <= stored.position:
            raise StoreError(
                f"a write that begins after {stored.position}",
                got=f"{first} to {last}",
                where=str(self._folder.path),
                fix="start the sink again: it says where to go on",
            )
        if other := next((part.kind for part in write.parts if part.kind not in _LIMITS.kinds), None):
            raise PermanentError(
                f"rows of a kind out of: {', '.join(sorted(_LIMITS.kinds))}", got=other, fix="route them elsewhere"
            )
        self._go_on(first, last)
        self._tidy()
        by_tenant: dict[str, list[SinkPart]] = {}
        for part in write.parts:
            by_tenant.setdefault(part.tenant, []).append(part)
        files: list[ParquetFile] = []
        number = self._begun[-1].part + 1 if self._begun else 0
        try:
            segments: list[Segment] = []
            mark: bytes = b""
            ids: dict[str, Ids] = {}
            for parts in by_tenant.values():
                tables = tables_of(parts)
                if self._begun or not write.final:
                    mark += mark_of(parts, tables)
                    ids[parts[0].tenant] = ids_of(tables)
                segments += self._files(write, number, parts, tables, files)
            self._folder.publish(files)
            received_ns = max((part.received_ns for part in write.parts), default=0)
            now = Piece(first, last, number, mark, segments, ids, received_ns)
            pieces = [*(piece for piece in self._begun if piece.mark != mark), now]
            live = segments
            if write.final:
                live = together(self._folder, pieces, self._options.compression_level, files)
                self._catalog.add(live, last, max(piece.received_ns for piece in pieces))
        except BaseException as error:
            for file in files:
                file.discard()
            if isinstance(error, (OSError, sqlite3.Error)):
                raise storage_error(error, self._folder.path) from None
            raise
        written = [segment for piece in (*self._begun, now) for segment in piece.segments]
        self._begun = [] if write.final else pieces
        kept = {segment.path for segment in live} | {item.path for piece in self._begun for item in piece.segments}
        self._waste += [segment for segment in written if segment.path not in kept]

    def _go_on(self, first: Position, last: Position) -> None:
        """Forgets a range that was begun and not finished where it begins anew, in whatever pieces."""
        if not self._begun:
            return
        begun = self._begun[0]
        if (begun.first, begun.last) == (first, last):
            return
        if first > begun.first:
            raise StoreError(
                f"the rest of {begun.first} to {begun.last}, or all of it",
                got=f"{first} to {last}",
                where=str(self._folder.path),
                fix="start the sink again: it says where to go on",
            )
        self._waste += [segment for piece in self._begun for segment in piece.segments]
        self._begun = []

    def _tidy(self) -> None:
        """Deletes what no final write will ever name; a start does it otherwise."""
        try:
            self._folder.blobs.delete(segment.path for segment in self._waste)
        except OSError:
            return
        self._waste = []

    def _files(
        self,
        write: SinkWrite,
        number: int,
        parts: Sequence[SinkPart],
        tables: Mapping[Kind, Made],
        files: list[ParquetFile],
    ) -> list[Segment]:
        """The files of one tenant."""
        first, last = write.first, write.last
        found = []
        for kind, made in tables.items():
            empty = [name for name in made.table.column_names if made.table[name].null_count == len(made.table)]
            file = ParquetFile(
                self._folder,
                parts[0].tenant,
                kind,
                first.sequence,
                last.sequence,
                self._options.compression_level,
                empty,
            )
            files.append(file)
            file.write(made.table)
            traces = id_numbers(made.table["trace_id"]) if kind == "spans" else None
            found.append(
                Segment(
                    id=0,
                    tenant=parts[0].tenant,
                    kind=kind,
                    path=file.name,
                    rows=len(made.table),
                    size_bytes=file.finish(),
                    min_start_ns=made.min_start_ns,
                    max_start_ns=made.max_start_ns,
                    writer=first.writer,
                    partition=first.partition,
                    stream=str(first.stream),
                    first_sequence=first.sequence,
                    last_sequence=last.sequence,
                    part=number,
                    schema=VERSION,
                    received_ns=max(part.received_ns for part in parts),
                    filter=b"" if traces is None else build(traces[group_starts(traces)]),
                )
            )
        return found
