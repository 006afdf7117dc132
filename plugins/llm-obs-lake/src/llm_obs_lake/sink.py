"""The sink: a write becomes files, and then one row a file and a Position in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import structlog
from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import Host, SinkLimits, SinkPart
from llm_obs_core.model import Position
from llm_obs_core.owned import sync_directory
from llm_obs_core.threads import in_thread

from llm_obs_lake.arrow import id_numbers
from llm_obs_lake.catalog import Catalog, Segment, storage_error
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.filter import build
from llm_obs_lake.folder import Folder, ParquetFile
from llm_obs_lake.tables import tables_of
from llm_obs_lake.upkeep import Background, Upkeep

__all__ = ["LakeSink", "make"]

T = TypeVar("T")


def make(options: LakeOptions, host: Host) -> LakeSink:
    """The factory of the sink `lake`."""
    return LakeSink(options, host)


class LakeSink:
    """A transactional `Sink`: the Position is stored with the data, so that nothing is stored twice.

    Args:
        options: The lake's options.
        host: Says where the store is and whose Position it starts from; None for a lake of its own folder, which
            goes on after whoever wrote last.
    """

    def __init__(self, options: LakeOptions, host: Host | None = None) -> None:
        self._options = options
        self._writer = "" if host is None else host.writer
        self._logger = structlog.get_logger("llm_obs.lake") if host is None else host.logger
        self._folder = Folder(options.folder_in(Path() if host is None else host.data_dir))
        self._catalog: Catalog | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._upkeep: Background | None = None

    @property
    def limits(self) -> SinkLimits:
        """Spans with their measures and messages."""
        return SinkLimits(measures=True, contents=True)

    async def start(self) -> Position | None:
        """Opens the store; returns the last Position stored.

        Raises:
            StoreError: Another process writes it, it cannot be written, or it is of another format.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lake-sink")
        return await self._run(self._open)

    async def write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        """Stores the parts, all or none. What is stored already is passed over.

        Raises:
            RetryableError: The disk is full or refuses.
            StoreError: The write begins within what is stored already, or the sink is not started.
        """
        await self._run(self._write, parts, first, last)

    async def stop(self) -> None:
        """Closes the store. May be called twice and after a failed start."""
        if self._thread is not None:
            await self._run(self._close)
            self._thread.shutdown()
            self._thread = None

    async def _run(self, work: Callable[..., T], *args: Any) -> T:
        if self._thread is None:
            raise StoreError("a lake that was started", got="a call before start or after stop")
        return await in_thread(work, *args, pool=self._thread)

    def _open(self) -> Position | None:
        self._folder.open()
        try:
            self._catalog = Catalog(self._folder.catalog, write=True)
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
        self._folder.close()

    def _write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        if self._catalog is None:
            raise StoreError("a lake that was started", got="a call before start or after stop")
        stored = self._catalog.position(last.writer, last.partition)
        if stored is not None and last <= stored.position:
            return
        if stored is not None and first <= stored.position:
            raise StoreError(
                f"a write that begins behind {stored.position}",
                got=f"{first} to {last}",
                where=str(self._folder.path),
                fix="start the sink again: it says where to go on",
            )
        by_tenant: dict[str, list[SinkPart]] = {}
        for part in parts:
            if len(part.spans):
                by_tenant.setdefault(part.tenant, []).append(part)
        files: list[ParquetFile] = []
        try:
            segments = [segment for group in by_tenant.values() for segment in self._store(group, files)]
            for tenant in by_tenant:
                sync_directory(self._folder.tenant(tenant))
            sync_directory(self._folder.segments)
            self._catalog.add(segments, last, max((part.received_ns for part in parts), default=0))
        except BaseException as error:
            for file in files:
                file.discard()
            if isinstance(error, (OSError, sqlite3.Error)):
                raise storage_error(error, self._folder.path) from None
            raise

    def _store(self, parts: Sequence[SinkPart], files: list[ParquetFile]) -> list[Segment]:
        """The files of one tenant."""
        first, last = parts[0].first, parts[-1].last
        tables = tables_of(parts)
        found = []
        for kind, table in tables.by_kind.items():
            file = ParquetFile(
                self._folder, parts[0].tenant, kind, first.sequence, last.sequence, self._options.compression_level
            )
            files.append(file)
            file.write(table)
            found.append(
                Segment(
                    id=0,
                    tenant=parts[0].tenant,
                    kind=kind,
                    path=file.name,
                    rows=len(table),
                    size_bytes=file.finish(),
                    min_start_ns=tables.min_start_ns,
                    max_start_ns=tables.max_start_ns,
                    writer=first.writer,
                    partition=first.partition,
                    first_sequence=first.sequence,
                    last_sequence=last.sequence,
                    received_ns=max(part.received_ns for part in parts),
                    filter=build(id_numbers(tables.by_kind["summaries"]["trace_id"])) if kind == "spans" else b"",
                )
            )
        return found
