"""The store's folder: one writing process, files that are durable before the catalog names them, nothing left over.

`lock`, `catalog.sqlite`, `leases/`, and the blobs `<tenant>/<kind>-<first>-<last>-<token>.parquet` in `segments/`.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from llm_obs_core.errors import StoreError
from llm_obs_core.owned import OwnedFolder

from llm_obs_lake.blobs import BlobStore, LocalBlobs
from llm_obs_lake.schema import CODECS, DELTAS, KINDS, ROW_GROUP_ROWS, SCHEMAS, STATISTICS, Kind

__all__ = ["Folder", "ParquetFile"]

_NAME = re.compile(rf"[^/]+/({'|'.join(KINDS)})-[0-9]+-[0-9]+-[0-9a-f]{{8}}\.parquet(\.tmp)?")
_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_DICTIONARY = {"string", "binary"}


class Folder:
    """Where a store is.

    Args:
        path: `LakeOptions.folder`.
        blobs: Where the files of segments are; in `segments/` when None.
    """

    def __init__(self, path: Path, blobs: BlobStore | None = None) -> None:
        self.path = path
        self.catalog = path / "catalog.sqlite"
        self.leases = path / "leases"
        self.segments = path / "segments"
        self.blobs: BlobStore = LocalBlobs(self.segments) if blobs is None else blobs
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
        if lost := sum(1 for name in self.blobs.list() if _NAME.fullmatch(name) and name.endswith(".parquet")):
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

    def remove_orphans(self, known: Collection[str]) -> int:
        """Deletes what a crash left behind: files of ours that the catalog does not name; returns how many.

        Args:
            known: Names of the blobs that the catalog has.
        """
        orphans = [name for name in self.blobs.list() if _NAME.fullmatch(name) and name not in known]
        self.blobs.delete(orphans)
        return len(orphans)

    def publish(self, files: Sequence[ParquetFile]) -> None:
        """Makes finished files durable under their names, all of them or an OSError."""
        self.blobs.put([(file.temporary, file.name) for file in files])


def _word(tenant: str) -> str:
    """The folder of a tenant's files; names that are no plain words are hashed."""
    return tenant if _PLAIN.fullmatch(tenant) else "~" + hashlib.blake2b(tenant.encode(), digest_size=16).hexdigest()


class ParquetFile:
    """One file while it is written: a local one of another name until it is published.

    Args:
        folder: The store.
        tenant: Whose.
        kind: What.
        first: First sequence.
        last: Last sequence.
        level: zstd's.
        empty: Columns that hold nothing but nulls in what will be written first: to compress nothing takes time, a
            context for each of its pages.
    """

    def __init__(
        self, folder: Folder, tenant: str, kind: Kind, first: int, last: int, level: int, empty: Collection[str] = ()
    ) -> None:
        self.name = f"{_word(tenant)}/{kind}-{first:020d}-{last:020d}-{secrets.token_hex(4)}.parquet"
        self._blobs = folder.blobs
        self.temporary = folder.blobs.begin(self.name)
        self.rows = 0
        self._rows_a_group = ROW_GROUP_ROWS[kind]
        schema = SCHEMAS[kind]
        texts = [field.name for field in schema if str(field.type) in _DICTIONARY]
        lists = [f"{field.name}.list.element" for field in schema if pa.types.is_list(field.type)]
        leaves = {f.name: f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema}
        full = [leaf for name, leaf in leaves.items() if name not in empty]
        heavy = {"otlp_span", "body", "response_id"}
        try:
            self._writer = pq.ParquetWriter(
                self.temporary,
                schema,
                compression=dict.fromkeys(full, CODECS[kind]),
                compression_level=dict.fromkeys(full, level) if CODECS[kind] == "zstd" else None,
                use_dictionary=[name for name in texts if name not in heavy] + lists,
                column_encoding=dict.fromkeys(DELTAS[kind], "DELTA_BINARY_PACKED") or None,
                write_statistics=STATISTICS[kind],
                store_schema=False,
                write_page_checksum=True,
            )
        except OSError:
            self.temporary.unlink(missing_ok=True)
            raise

    def write(self, table: pa.Table) -> None:
        """Appends rows."""
        self._writer.write_table(table, row_group_size=self._rows_a_group)
        self.rows += len(table)

    def finish(self) -> int:
        """Ends it, so that it can be published; returns its bytes."""
        self._writer.close()
        return self.temporary.stat().st_size

    def discard(self) -> None:
        """Removes whatever there is of it."""
        with contextlib.suppress(OSError):  # a full disk: what could not be written is removed now
            self._writer.close()
        self.temporary.unlink(missing_ok=True)
        self._blobs.delete([self.name])
