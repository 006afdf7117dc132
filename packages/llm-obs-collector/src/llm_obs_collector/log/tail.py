"""The newest records of a stream, kept in memory: who reads at the log's end needs neither the disk nor a thread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from llm_obs_core.model import LogRecord

__all__ = ["OBJECT_BYTES", "Tail"]

OBJECT_BYTES: Final = 1024
"""About what a record takes in memory beside its payload, which may be far smaller."""


class Tail:
    """Durable records, oldest out first.

    Args:
        most_bytes: Memory for the records that are kept; 0 keeps nothing.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._sequences: list[int] = []
        self._records: list[LogRecord] = []
        self._bytes = 0
        self._after: int | None = None

    def add(self, before: int, first: int, records: Sequence[LogRecord]) -> None:
        """Adds the records of a commit.

        Args:
            before: The stream's last sequence before them, 0 when there was none.
            first: Of the first record; the others follow without gaps.
            records: In order.
        """
        if self._after is None:
            self._after = before
        self._sequences += range(first, first + len(records))
        self._records += records
        self._bytes += _memory(records)
        gone = 0
        while self._bytes > self._most_bytes and gone < len(self._records):
            self._bytes -= _memory(self._records[gone : gone + 1])
            gone += 1
        if gone:
            self._after = self._sequences[gone - 1]
            del self._sequences[:gone], self._records[:gone]

    def forget(self, sequence: int) -> None:
        """Drops the records up to a sequence: they were trimmed."""
        if self._after is None or sequence <= self._after:
            return
        gone = bisect_right(self._sequences, sequence)
        self._bytes -= _memory(self._records[:gone])
        self._after = sequence
        del self._sequences[:gone], self._records[:gone]

    def after(self, sequence: int) -> list[tuple[int, LogRecord]] | None:
        """The records after a sequence; None when some of them may not be here."""
        if self._after is None or sequence < self._after:
            return None
        start = bisect_right(self._sequences, sequence)
        return list(zip(self._sequences[start:], self._records[start:], strict=True))


def _memory(records: Sequence[LogRecord]) -> int:
    return sum(len(record.payload) + OBJECT_BYTES for record in records)
