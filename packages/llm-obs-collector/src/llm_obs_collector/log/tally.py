"""How many items come after each sequence, for an exact count of what a reader has not seen: 16 bytes a record."""

from __future__ import annotations

from array import array
from bisect import bisect_right

__all__ = ["Tally"]


class Tally:
    """Running sums of the items of records, oldest first."""

    def __init__(self) -> None:
        self._sequences = array("Q")
        self._sums = array("Q")
        self._total = 0
        self._before = 0
        self.last = 0
        """The greatest sequence, 0 when there is none."""

    def add(self, sequence: int, items: int) -> None:
        """Adds the next record; sequences ascend."""
        self.last = sequence
        self._total += items
        self._sequences.append(sequence)
        self._sums.append(self._total)

    def after(self, sequence: int) -> int:
        """Items of the records that are kept and after a sequence."""
        count = bisect_right(self._sequences, sequence)
        if count == 0:
            return self._total - self._before
        return self._total - self._sums[count - 1]

    def forget(self, sequence: int) -> None:
        """Drops the records up to a sequence: they were trimmed."""
        count = bisect_right(self._sequences, sequence)
        if count:
            self._before = self._sums[count - 1]
            del self._sequences[:count], self._sums[:count]
