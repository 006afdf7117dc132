"""The part of the delivery that waits on disk: what goes there, when it is tried again, how it is counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from llm_obs_core_ext.spanqueue import Batch, SpanQueue

from llm_obs_sdk.retry import Verdict, backoff_s
from llm_obs_sdk.spool import Kept, Spool

__all__ = ["Backlog"]

log = logging.getLogger("llm_obs.sdk")


class Backlog:
    """Requests on disk, sent oldest first as soon as the collector is back.

    Args:
        options: Resolved options; `spool_dir` is set.
        queue: Counts what becomes of the spans.

    Raises:
        StoreError: The folder cannot be used.
    """

    def __init__(self, options: dict[str, Any], queue: SpanQueue) -> None:
        self._queue = queue
        self._spool: Spool | None = Spool(options["spool_dir"], options["traces_url"], options["spool_bytes"])
        self._lock = threading.Lock()
        self._attempt = 0
        self._again_at = 0.0
        queue.recover(self._spool.adopt())

    def __bool__(self) -> bool:
        return self._spool is not None and len(self._spool) > 0

    def wait_s(self) -> float:
        """Seconds until it is to be tried again."""
        return max(self._again_at - time.monotonic(), 0.0)

    def park(self, batch: Batch, body: bytes, encoding: str) -> bool:
        """Puts a batch on disk and ends it there; False when it has to stay in memory."""
        with self._lock:
            if self._spool is None:
                return False
            was_empty = not len(self._spool)
            try:
                kept = self._spool.put(body, encoding, batch.count)
            except OSError as error:
                log.warning("spans could not be put on disk, they stay in memory: %s. See init(spool_dir=).", error)
                return False
            if kept:
                self._queue.spool(batch)
                if was_empty:
                    self._later(Verdict("retry"))
            return kept

    def drain(self, send: Callable[[bytes, str, int], Verdict], over: Callable[[], bool], *, now: bool) -> str:
        """Sends what waits until one request fails; what failed, in words, or nothing.

        Args:
            send: Sends a body once.
            over: Whether to stop.
            now: Whether to try although it is not yet time.
        """
        while self and not over() and (now or self.wait_s() <= 0):
            kept = self._oldest()
            if kept is None:
                break
            try:
                body, encoding = Spool.read(kept)
            except (OSError, ValueError) as error:
                log.warning("%d spans on disk are lost: %s (%s)", kept.spans, error, kept.path)
                self._done(kept, 0, "spool_damaged")
                continue
            verdict = send(body, encoding, kept.spans)
            if verdict.action == "retry":
                self._later(verdict)
                return verdict.detail
            exported = kept.spans - verdict.rejected if verdict.action == "done" else 0
            self._done(kept, exported, verdict.reason)
            self._attempt = 0
        return ""

    def _oldest(self) -> Kept | None:
        with self._lock:
            return self._spool.oldest() if self._spool is not None else None

    def _done(self, kept: Kept, exported: int, reason: str) -> None:
        with self._lock:
            if self._spool is not None:  # else it is closed: the file stays, and is sent by the next process
                self._spool.remove(kept)
                self._queue.settle_spooled(kept.spans, exported, reason)

    def _later(self, verdict: Verdict) -> None:
        self._attempt += 1
        self._again_at = time.monotonic() + backoff_s(self._attempt, verdict.delay_s)

    def after_fork(self) -> None:
        """A forked child writes to a folder of its own; what its parent has written stays the parent's."""
        self._lock = threading.Lock()
        self._attempt = 0
        if self._spool is not None:
            try:
                self._spool.after_fork()
            except Exception as error:  # the child goes on without
                self._spool = None
                log.warning("nothing is put on disk in this process: %s", error)

    def close(self) -> None:
        """Gives the folder back; what is in it is for the next process."""
        with self._lock:
            if self._spool is not None:
                self._spool.close()
                self._spool = None
