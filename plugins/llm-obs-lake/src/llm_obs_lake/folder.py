"""The store's folder: one writing process, files that are durable before they are named, nothing left over.

`lock`, `catalog.sqlite`, `leases/`, and `segments/<tenant>/<kind>-<first>-<last>-<token>.parquet`. Folders are 0700.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from llm_obs_core.errors import StoreError
from llm_obs_core.owned import OwnedFolder

from llm_obs_lake.schema import CODECS, DELTAS, ROW_GROUP_ROWS, SCHEMAS, STATISTICS, Kind

__all__ = ["Folder", "ParquetFile"]

_TEMPORARY = ".tmp"
_NAME = re.compile(r"(spans|content|summaries|measures)-[0-9]+-[0-9]+-[0-9a-f]{8}\.parquet(\.tmp)?")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_DICTIONARY = {"string", "binary"}


class Folder:
    """Where a store is.

    Args:
        path: `LakeOptions.folder`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = path / "catalog.sqlite"
        self.leases = path / "leases"
        self.segments = path / "segments"
        self._owned = OwnedFolder(path, alone="a store that no other process writes", elsewhere="server.data_dir")

    def open(self) -> None:
        """Makes the folders and takes the lock of the one process that writes.

        Raises:
            StoreError: Another process writes here, the folder cannot be written, or the catalog is lost: without it
                every file would be taken for a leftover, and deleted.
        """
        self._owned.open((self.leases, self.segments))
        if self.catalog.exists() and self.catalog.stat().st_size:
            return
        if lost := sum(1 for path in self.segments.glob("*/*.parquet") if _NAME.fullmatch(path.name)):
            self.close()
            raise StoreError(
                "the catalog of a lake beside its files",
                got=f"none, and {lost} files that only it can read",
                where=str(self.catalog),
                fix="bring it back from a copy of the whole folder; to begin anew, move segments/ away first",
            )

    def close(self) -> None:
        """Gives the lock back."""
        self._owned.close()

    def tenant(self, tenant: str) -> Path:
        """The folder of a tenant's files; names that are no plain words are hashed."""
        word = (
            tenant if _PLAIN.fullmatch(tenant) else "~" + hashlib.blake2b(tenant.encode(), digest_size=16).hexdigest()
        )
        return self.segments / word

    def remove_orphans(self, known: Collection[str]) -> int:
        """Deletes what a crash left behind: files of ours that the catalog does not name; returns how many.

        Args:
            known: Paths under `segments/` that the catalog has.
        """
        removed = 0
        for path in self.segments.glob("*/*"):
            if _NAME.fullmatch(path.name) and path.relative_to(self.segments).as_posix() not in known:
                path.unlink(missing_ok=True)
                removed += 1
        return removed


class ParquetFile:
    """One file while it is written: under another name until it is whole and on disk.

    Args:
        folder: The store.
        tenant: Whose.
        kind: What.
        first: First sequence.
        last: Last sequence.
        level: zstd's.
    """

    def __init__(self, folder: Folder, tenant: str, kind: Kind, first: int, last: int, level: int) -> None:
        name = f"{kind}-{first:020d}-{last:020d}-{secrets.token_hex(4)}.parquet"
        self._path = folder.tenant(tenant) / name
        self._temporary = self._path.with_suffix(self._path.suffix + _TEMPORARY)
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        self.name = self._path.relative_to(folder.segments).as_posix()
        self.rows = 0
        self._rows_a_group = ROW_GROUP_ROWS[kind]
        schema = SCHEMAS[kind]
        texts = [field.name for field in schema if str(field.type) in _DICTIONARY]
        lists = [f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)]
        heavy = {"otlp_span", "body", "response_id"}
        try:
            self._writer = pq.ParquetWriter(
                self._temporary,
                schema,
                compression=CODECS[kind],
                compression_level=level if CODECS[kind] == "zstd" else None,
                use_dictionary=[name for name in texts if name not in heavy] + lists,
                column_encoding=dict.fromkeys(DELTAS[kind], "DELTA_BINARY_PACKED") or None,
                write_statistics=STATISTICS[kind],
                store_schema=False,
                write_page_checksum=True,
            )
        except OSError:
            self._temporary.unlink(missing_ok=True)
            raise

    def write(self, table: pa.Table) -> None:
        """Appends rows."""
        self._writer.write_table(table, row_group_size=self._rows_a_group)
        self.rows += len(table)

    def finish(self) -> int:
        """Makes it durable and gives it its name; the folder's own sync is the caller's. Returns its bytes."""
        self._writer.close()
        fd = os.open(self._temporary, os.O_RDONLY)
        try:
            os.fsync(fd)
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
        self._temporary.rename(self._path)
        return size

    def discard(self) -> None:
        """Removes whatever there is of it."""
        with contextlib.suppress(OSError):  # a full disk: what could not be written is removed now
            self._writer.close()
        for path in (self._temporary, self._path):
            path.unlink(missing_ok=True)
