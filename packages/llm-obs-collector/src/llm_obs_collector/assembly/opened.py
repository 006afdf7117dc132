"""Records with their rows, and a bounded cache of those that assembly has scanned: one scan serves every sink."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Rows, StoredRecord
from llm_obs_core.model import LogRecord, Position

from llm_obs_collector.log.tail import OBJECT_BYTES
from llm_obs_collector.signals import RecordReader

__all__ = ["Opened", "OpenedCache", "open_records"]


class Opened(NamedTuple):
    """One accepted record, its rows, and why it has none.

    Attributes:
        position: Where it is in the accepted stream.
        record: The record.
        rows: Its rows; None when it is unreadable.
        reason: Why it is unreadable.
    """

    position: Position
    record: LogRecord
    rows: Rows | None
    reason: str = ""


def open_records(records: Iterable[StoredRecord], reader: RecordReader) -> Iterator[Opened]:
    """Reads the rows of each record, one by one; for a thread."""
    return (_open(item, reader) for item in records)


def _open(item: StoredRecord, reader: RecordReader) -> Opened:
    record = item.record
    try:
        rows = reader.rows(record)
    except MemoryError:
        raise
    except Exception as error:  # whatever is wrong with it: one record never holds up those after it
        return Opened(item.position, record, None, str(error) if isinstance(error, LlmObsError) else repr(error))
    if len(rows) != record.accepted:
        return Opened(item.position, record, None, f"expected {record.accepted} items, got {len(rows)}")
    return Opened(item.position, record, rows)


class OpenedCache:
    """The newest covered ranges, by the last Position of each; used by several threads.

    Args:
        most_bytes: Of records that are kept; rows take about as much again.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Position, tuple[list[Opened], int]] = OrderedDict()
        self._bytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes of records that are kept."""
        return self._bytes

    def put(self, last: Position, opened: list[Opened]) -> None:
        """Keeps a range; the oldest make room."""
        nbytes = sum(len(item.record.payload) + OBJECT_BYTES for item in opened)
        if nbytes > self._most_bytes:
            return
        with self._lock:
            if (before := self._kept.pop(last, None)) is not None:
                self._bytes -= before[1]
            self._kept[last] = (opened, nbytes)
            self._bytes += nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1][1]

    def get(self, last: Position) -> list[Opened] | None:
        """The range that ends at a Position, if it is kept."""
        with self._lock:
            found = self._kept.get(last)
        return None if found is None else found[0]

    def forget(self, last: Position) -> None:
        """Drops the ranges up to a Position: every sink has them."""
        with self._lock:
            while self._kept and next(iter(self._kept)) <= last:
                self._bytes -= self._kept.popitem(last=False)[1][1]
