"""Groups by several keys, and the sums of each: file after file, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from llm_obs_core_ext.groups import Groups, add_up

from llm_obs_lake.decoded import Histograms, Keys, Values

__all__ = ["Grouping", "HistogramSums", "Sums"]

Numbers = npt.NDArray[Any]
_WORD: Final = 0xFFFFFFFF
_BUCKET: Final = 0xFFFF


def _numbered(groups: Groups, keys: Numbers) -> Numbers:
    found = np.empty(len(keys), dtype=np.int32)
    groups.number(keys.data, found.data)
    return found


class Grouping:
    """Gives rows with equal keys the same number.

    A level a key: a group of one key more is the pair of a group and a word, in one number of 64 bits.

    Args:
        width: How many keys.
    """

    def __init__(self, width: int) -> None:
        self._words: list[dict[Any, int]] = [{} for _ in range(width)]
        self._levels = [Groups() for _ in range(max(width, 1))]

    def __len__(self) -> int:
        return len(self._levels[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers; words are not counted."""
        return sum(level.nbytes for level in self._levels)

    def number(self, keys: Sequence[Keys], chosen: Numbers) -> Numbers:
        """The number of each row's group.

        Args:
            keys: A column a key.
            chosen: The rows that count; the others get -1.
        """
        found = chosen.astype(np.int64) - 1
        if not keys:
            return _numbered(self._levels[0], found)
        for words, level, key in zip(self._words, self._levels, keys, strict=True):
            numbers = np.array([words.setdefault(word, len(words)) for word in key.words], dtype=np.int64)
            found = _numbered(level, found.astype(np.int64) << 32 | numbers[key.codes])
        return found

    def keys(self) -> Iterator[tuple[Any, ...]]:
        """The words of each group, in order of numbers."""
        if not self._words:
            return iter([()] * len(self))
        found: list[list[Any]] = []
        numbers = np.arange(len(self))
        for words, level in zip(reversed(self._words), reversed(self._levels), strict=True):
            pairs = np.frombuffer(level.keys(), dtype=np.int64)[numbers]
            by_number = list(words)
            found.append([by_number[number] for number in (pairs & _WORD).tolist()])
            numbers = pairs >> 32
        return zip(*reversed(found), strict=True)


def _roomy(sums: Numbers, groups: int) -> Numbers:
    """The sums with room for so many groups."""
    room = sums.shape[-1]
    if groups <= room:
        return sums
    wider = np.zeros((*sums.shape[:-1], max(groups, 2 * room)), dtype=np.int64)
    wider[..., :room] = sums
    return wider


class Sums:
    """Sums of some columns of values by group.

    Args:
        names: The columns.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._sums = np.zeros((len(names), 2, 64), dtype=np.int64)  # of low and high parts

    @property
    def nbytes(self) -> int:
        """Bytes of the sums."""
        return self._sums.nbytes

    def add(self, numbers: Numbers, columns: Iterable[Values], groups: int) -> None:
        """Adds a file's rows.

        Args:
            numbers: The group of each row, -1 for none.
            columns: One a name.
            groups: How many there are by now.
        """
        self._sums = _roomy(self._sums, groups)
        for sums, column in zip(self._sums, columns, strict=True):
            for part, values in zip(sums, column, strict=True):
                if values is not None:
                    add_up(numbers.data, values.data, part[:groups].data)

    def rows(self, groups: int) -> list[dict[str, int]]:
        """The sums of each group, of any size."""
        totals = [
            [low + (high << 32) for low, high in zip(*sums[:, :groups].tolist(), strict=True)] for sums in self._sums
        ]
        return [dict(zip(self._names, row, strict=True)) for row in zip(*totals, strict=True)]


class HistogramSums:
    """Sums of histograms by group."""

    def __init__(self) -> None:
        self._places = Groups()  # a group and a bucket each
        self._sums = np.zeros(1024, dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of the sums."""
        return self._sums.nbytes + self._places.nbytes

    def add(self, numbers: Numbers, column: Histograms) -> None:
        """Adds a file's rows; see `Sums.add`."""
        of_bucket = np.repeat(numbers, column.sizes).astype(np.int64)
        places = _numbered(self._places, of_bucket << 16 | column.buckets)
        self._sums = _roomy(self._sums, len(self._places))
        add_up(places.data, column.counts.data, self._sums.data)

    def rows(self, groups: int) -> Iterator[dict[int, int]]:
        """The histogram of each group, sparse."""
        places = np.frombuffer(self._places.keys(), dtype=np.int64)
        order = np.argsort(places)
        edges = np.searchsorted(places[order], np.arange(groups + 1) << 16).tolist()
        buckets = (places[order] & _BUCKET).tolist()
        counts = self._sums[order].tolist()
        for start, end in pairwise(edges):
            yield dict(zip(buckets[start:end], counts[start:end], strict=True))
