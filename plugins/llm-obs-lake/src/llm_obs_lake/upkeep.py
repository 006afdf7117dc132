"""The upkeep of a store: merges, retention, and the removal of files that nothing reads any more.

`Upkeep` does one round; `Background` does rounds in a thread of its own, at a lower priority than the sink's.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Logger

from llm_obs_lake.catalog import Catalog, storage_error
from llm_obs_lake.config import LakeOptions
from llm_obs_lake.damage import Damage, UnreadableError
from llm_obs_lake.folder import Folder
from llm_obs_lake.lease import oldest_read
from llm_obs_lake.merge import merge
from llm_obs_lake.plan import expired, merges, units

__all__ = ["Background", "Round", "Upkeep"]

_NICE: Final = 10
_DAY_NS: Final = 86_400_000_000_000


class Round(NamedTuple):
    """What one round did.

    Attributes:
        merged: Segments that were put into others.
        dropped: Segments that were too old.
        removed: Files deleted.
        kept: Files that nothing needs but a reader's lease.
    """

    merged: int
    dropped: int
    removed: int
    kept: int


class _StopError(Exception):
    """The store is about to be closed."""


class Upkeep:
    """Keeps one store in order; in the process that has the folder's lock.

    Args:
        folder: The store.
        options: How.
        now_ns: A clock, Unix nanoseconds.
    """

    def __init__(self, folder: Folder, options: LakeOptions, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._folder = folder
        self._options = options
        self._now_ns = now_ns
        self._catalog = Catalog(folder.catalog, write=True)
        self._damage = Damage(folder.blobs)

    def round(self, check: Callable[[], None] = lambda: None) -> Round:
        """Drops what is too old, merges what is worth it, and deletes files that nothing reads.

        Args:
            check: Called now and then; what it raises ends the round, and everything is as it was or better.

        Raises:
            LlmObsError: The disk is full or refuses.
        """
        dropped = self._drop()
        merged = 0
        removed = self._remove()
        while self._options.merge:
            damaged = self._damage.names()
            found = [
                unit
                for unit in units(self._catalog.snapshot().segments)
                if not any(segment.path in damaged for segment in unit.files.values())
            ]
            at_once, max_rows = self._options.merge_segments, self._options.merge_max_rows
            groups = list(merges(found, self._now_ns(), at_once=at_once, max_rows=max_rows))
            if not groups:
                break
            for group in groups:
                check()
                try:
                    merge(self._catalog, self._folder, group, self._options.compression_level, check)
                except UnreadableError as error:
                    if not self._damage.find(error, [file for unit in group for file in unit.files.values()]):
                        raise
                    break  # the others are grouped anew
                merged += len(group)
            removed += self._remove()
        return Round(merged, dropped, removed, len(self._catalog.retired()))

    def _drop(self) -> int:
        if self._options.retention_days is None:
            return 0
        before_ns = self._now_ns() - int(self._options.retention_days * _DAY_NS)
        old = expired(units(self._catalog.snapshot().segments), before_ns)
        if old:
            self._catalog.replace([segment for unit in old for segment in unit.files.values()], [])
        return len(old)

    def _remove(self) -> int:
        try:
            oldest = oldest_read(self._folder.leases)
        except OSError as error:
            raise storage_error(error, self._folder.leases) from None
        paths = self._catalog.retired(oldest)
        if paths:
            try:
                self._folder.blobs.delete(paths)
            except OSError as error:
                raise storage_error(error, self._folder.path) from None
            self._catalog.forget(paths)
        return len(paths)

    def close(self) -> None:
        """May be called twice."""
        self._catalog.close()


class Background:
    """Rounds in a thread, until it is stopped.

    Args:
        upkeep: What is done; closed at the end.
        interval_s: Pause between rounds, seconds.
        logger: Told of rounds that fail.
    """

    def __init__(self, upkeep: Upkeep, interval_s: float, logger: Logger) -> None:
        self._upkeep = upkeep
        self._logger = logger
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lake-upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends a merge under way, which leaves everything as it was, and waits for the thread."""
        self._stop.set()
        self._thread.join()
        self._upkeep.close()

    def _check(self) -> None:
        if self._stop.is_set():
            raise _StopError

    def _run(self) -> None:
        with contextlib.suppress(OSError, AttributeError):  # Linux knows priorities of threads
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        trouble = ""
        while not self._stop.wait(self._interval_s):
            try:
                self._upkeep.round(self._check)
                trouble = ""
            except _StopError:
                return
            except Exception as error:  # reading and writing go on without upkeep, and the next round may succeed
                if str(error) != trouble:
                    trouble = str(error)
                    known = isinstance(error, LlmObsError)
                    self._logger.warning("the lake's upkeep failed", error=trouble, exc_info=None if known else error)
