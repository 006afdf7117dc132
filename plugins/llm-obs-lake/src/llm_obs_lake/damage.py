"""Files of a lake that cannot be read: found when a question or a merge fails, left out until they are brought back."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from llm_obs_core.errors import StoreError

from llm_obs_lake.blobs import BlobStat, BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.versions import schema_of

__all__ = ["FIX", "Damage", "UnreadableError"]

FIX: Final = "bring it back from a copy of the whole folder; files of a lake are never changed by hand"
NAMED: Final = 3
"""Most files that an error names when it is not known which one it is."""
_NAME: Final = re.compile(r"[a-z]+-[0-9]+-[0-9]+-[0-9a-f]{8}\.parquet")


class UnreadableError(StoreError):
    """A file is not there or not whole.

    Args:
        cause: What the reading library said.
        paths: The files that were read.
    """

    def __init__(self, cause: Exception, paths: Sequence[str | Path]) -> None:
        self.cause = cause
        self.paths = tuple(map(str, paths))
        some = ", ".join(path.rpartition("/")[2] for path in self.paths[:NAMED]) + ", …" * (len(self.paths) > NAMED)
        super().__init__("files as the catalog has them", got=str(cause).partition("\n")[0], where=some, fix=FIX)


class Damage:
    """What is known to be damaged; used by several threads.

    Args:
        blobs: Where the files are.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._lock = threading.Lock()
        self._known: dict[str, BlobStat | None] = {}  # what tells it from what is brought back; None when it is gone
        self._log = structlog.get_logger("llm_obs.lake")

    def names(self) -> frozenset[str]:
        """Paths of the segments that cannot be read, without those that have been brought back."""
        with self._lock:
            if self._known:
                self._known = {path: seal for path, seal in self._known.items() if _seal(self._blobs, path) == seal}
            return frozenset(self._known)

    def find(
        self, error: UnreadableError, segments: Iterable[Segment], probe: Callable[[str], str] = lambda _: ""
    ) -> bool:
        """Looks for what made a reading fail. Returns whether a file was found that was not known.

        Args:
            error: The failure.
            segments: What may have been read.
            probe: Reads a whole file in the way that failed; returns what is wrong with it, empty when nothing is.
        """
        by_path = {self._blobs.locate(segment.path): segment for segment in segments}
        read = [by_path[path] for path in dict.fromkeys(error.paths) if path in by_path] or list(by_path.values())
        reasons = {segment.path: reason for segment in read if (reason := _outside(self._blobs, segment))}
        if not reasons:
            named = set(_NAME.findall(str(error.cause)))
            accused = [segment for segment in read if segment.path.rpartition("/")[2] in named]
            reasons = {segment.path: str(error.cause).partition("\n")[0] for segment in accused}
        if not reasons:
            reasons = {
                segment.path: reason
                for segment in read
                if (reason := _inside(self._blobs, segment) or probe(self._blobs.locate(segment.path)))
            }
        if not reasons and len(read) == 1:
            reasons = {read[0].path: str(error.cause).partition("\n")[0]}
        added = [path for path, reason in reasons.items() if self._add(path, reason)]
        return bool(added)

    def _add(self, path: str, reason: str) -> bool:
        with self._lock:
            if path in self._known:
                return False
            self._known[path] = _seal(self._blobs, path)
        where = self._blobs.locate(path)
        self._log.error("a file of the lake cannot be read", file=where, reason=reason, fix=FIX)
        return True


def _outside(blobs: BlobStore, segment: Segment) -> str:
    """What is wrong with a file without a look inside; empty when nothing is."""
    try:
        size_bytes = blobs.stat(segment.path).size_bytes
    except OSError as error:
        return error.strerror or str(error)
    return "" if size_bytes == segment.size_bytes else f"{size_bytes} bytes, not {segment.size_bytes}"


def _inside(blobs: BlobStore, segment: Segment) -> str:
    """What is wrong with a file that is read whole; empty when nothing is."""
    schema = schema_of(segment.kind, segment.schema)
    try:
        with blobs.open(segment.path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
            if file.schema_arrow.names != schema.names or file.metadata.num_rows != segment.rows:
                return "other columns or rows than were written"
            for group in range(file.metadata.num_row_groups):
                file.read_row_group(group, use_threads=False).cast(schema).validate(full=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        return str(error).partition("\n")[0]
    return ""


def _seal(blobs: BlobStore, path: str) -> BlobStat | None:
    try:
        return blobs.stat(path)
    except OSError:
        return None
