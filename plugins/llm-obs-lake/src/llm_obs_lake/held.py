"""Decoded columns of measures, kept in memory up to a number of bytes.

Files never change, so nothing kept can be wrong: what was merged or dropped is merely not asked for again.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, islice
from typing import Final

from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.decoded import Column, decode

__all__ = ["HeldMeasures"]

_LOCKS: Final = 64

Columns = dict[str, Column]


class HeldMeasures:
    """Reads columns of measures; several questions at once.

    Columns that were not asked for the longest make room first, but none that the asking question needs itself: of a
    store that is larger than the room, the same part stays in memory from question to question.

    Args:
        blobs: Where the files are.
        most_bytes: Of all columns that are kept; 0 keeps none.
        threads: That decode files; 0 takes one a core.
    """

    def __init__(self, blobs: BlobStore, most_bytes: int, threads: int) -> None:
        self._blobs = blobs
        self._most_bytes = most_bytes
        self._ahead = (threads or os.cpu_count() or 1) + 1
        self._pool = ThreadPoolExecutor(self._ahead - 1, thread_name_prefix="lake-decode")
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], tuple[Column, int, int]] = OrderedDict()  # column, bytes, question
        self._bytes = 0
        self._questions = count(1)
        self._decoding = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept."""
        return self._bytes

    def columns(self, segments: Sequence[Segment], names: Sequence[str]) -> Iterator[Columns]:
        """The columns of each file, in no promised order; no more than a few files beyond what is kept are in memory.

        Args:
            segments: The files; of the first ones most is kept.
            names: As `decode` takes them.

        Raises:
            UnreadableError: A file is not there, or damaged.
        """
        question = next(self._questions)
        whole, others = [], []
        for segment in segments:
            found = self._look(segment.path, names, question)
            if len(found) == len(names):
                whole.append(found)
            else:
                others.append(segment)
        under_way: deque[Future[Columns]] = deque()
        waiting = iter(others)
        try:
            under_way += [self._pool.submit(self._load, item, names, question) for item in islice(waiting, self._ahead)]
            yield from whole
            while under_way:
                found = under_way.popleft().result()
                under_way += [self._pool.submit(self._load, item, names, question) for item in islice(waiting, 1)]
                yield found
        finally:
            for future in under_way:
                future.cancel()

    def keep_only(self, paths: Collection[str]) -> None:
        """Forgets the columns of all other files."""
        with self._lock:
            for place in [place for place in self._held if place[0] not in paths]:
                self._bytes -= self._held.pop(place)[1]

    def close(self) -> None:
        """No question may be under way. May be called twice."""
        self._pool.shutdown()
        self._held.clear()
        self._bytes = 0

    def _look(self, path: str, names: Sequence[str], question: int) -> Columns:
        found: Columns = {}
        with self._lock:
            for name in names:
                held = self._held.get((path, name))
                if held is not None:
                    found[name] = held[0]
                    self._held[path, name] = (held[0], held[1], max(held[2], question))
                    self._held.move_to_end((path, name))
        return found

    def _load(self, segment: Segment, names: Sequence[str], question: int) -> Columns:
        path = segment.path
        with self._decoding[hash(path) % _LOCKS]:  # another question may be at it
            found = self._look(path, names, question)
            missing = [name for name in names if name not in found]
            if missing:
                made = decode(self._blobs, segment, missing)
                self._keep(path, made, question)
                found |= made
        return found

    def _keep(self, path: str, made: Columns, question: int) -> None:
        with self._lock:
            for name, column in made.items():
                size = column.nbytes
                if size > self._most_bytes:
                    continue
                while self._held and self._bytes + size > self._most_bytes:
                    place, (_, old, asked) = next(iter(self._held.items()))
                    if asked >= question:
                        break
                    del self._held[place]
                    self._bytes -= old
                if self._bytes + size <= self._most_bytes:
                    self._held[path, name] = (column, size, question)
                    self._bytes += size
