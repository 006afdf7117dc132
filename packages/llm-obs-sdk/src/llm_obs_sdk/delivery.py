"""The background thread that carries batches to the collector.

It starts with the first span, in a forked child with the child's first span. It never gives up on a retryable failure:
memory is bounded by the queue, which then refuses new spans and counts them.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

from llm_obs_core_ext.spanqueue import Batch, SpanQueue

from llm_obs_sdk.ledger import FlushResult
from llm_obs_sdk.retry import Verdict, backoff_s, judge
from llm_obs_sdk.threads import started_apart
from llm_obs_sdk.transport import Connection, ReplyTooLarge

if TYPE_CHECKING:
    from llm_obs_sdk.backlog import Backlog

__all__ = ["MAX_REQUEST_BYTES", "Delivery"]

log = logging.getLogger("llm_obs.sdk")

MAX_REQUEST_BYTES = 64 * 1024 * 1024
"""OTLP: a larger request must not be sent."""

WARN_EVERY_S = 30.0

UNREACHABLE = "Start the collector (`llm-obs up`) or correct the endpoint (init(endpoint=…) or LLM_OBS_ENDPOINT)."
KEY = "Correct the key (init(api_key=…) or LLM_OBS_API_KEY)."

ATTEMPTS_BEFORE_DISK = 2
"""A collector that is restarted comes back in between: no disk for that."""


class Delivery:
    """Owns the span queue and its thread.

    Args:
        options: Resolved options, see `llm_obs_sdk.options`.
        user_agent: Names the SDK and its version.
    """

    def __init__(self, options: dict[str, Any], user_agent: str) -> None:
        self._options = options
        headers = {"Content-Type": "application/x-protobuf", "User-Agent": user_agent, **options["headers"]}
        if options["api_key"]:
            headers["Authorization"] = f"Bearer {options['api_key']}"
        self._headers = headers
        self._url: str = options["traces_url"]
        self._gzip = options["compression"] == "gzip"
        self._warned_at = -WARN_EVERY_S
        self._stopped = False
        self._connection = Connection(self._url, headers, options["timeout_s"])
        self.queue = SpanQueue(options["queue_bytes"], options["batch_bytes"], options["max_span_bytes"], self._notify)
        self._fresh_thread_state()
        self._backlog: Backlog | None = None
        if options["spool_dir"]:
            from llm_obs_sdk.backlog import Backlog

            self._backlog = Backlog(options, self.queue)
            if self._backlog:
                self._notify()

    def _fresh_thread_state(self) -> None:
        self._signals: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._done = threading.Condition()
        self._asked = 0
        self._finished = 0
        self.last_failure = ""

    def after_fork(self) -> None:
        """Gives a forked child an empty queue, its own ledger and no thread; the parent keeps what it had."""
        self._connection = Connection(self._url, self._headers, self._options["timeout_s"])
        self._fresh_thread_state()
        self.queue.reset()
        if self._backlog is not None:
            self._backlog.after_fork()

    # Called in the user's thread when a batch is full or the first span has come.
    def _notify(self) -> None:
        self._signals.put("")
        if self._thread is None and not self._stopped:
            self._ensure_thread()

    def _ensure_thread(self) -> None:
        if not self._start.acquire(blocking=False):
            return
        try:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="llm-obs-delivery", daemon=True)
                started_apart(thread)
                self._thread = thread
        except RuntimeError as error:  # the interpreter is ending, or no thread can be had
            self.last_failure = f"no thread for delivery: {error}"
        finally:
            self._start.release()

    def _run(self) -> None:
        from opentelemetry import context as otel

        otel.attach(otel.set_value("suppress_instrumentation", True))
        otel.attach(otel.set_value(otel._SUPPRESS_INSTRUMENTATION_KEY, True))
        signals, interval = self._signals, self._options["flush_interval_s"]
        while not self._over():
            # A wait between two attempts may have eaten the signal: what is there counts, not the signal.
            if not (self._asked > self._finished or self.queue.buffered):
                self._wait(signals, self._backlog.wait_s() if self._backlog else None)
            if self.queue.buffered and not self._asked > self._finished and not self.queue.full_batches:
                deadline = time.monotonic() + interval
                while not (self._over() or self._asked > self._finished or self.queue.full_batches):
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    self._wait(signals, left)
            asked = self._asked
            if self._backlog:
                self._drain(self._backlog, now=asked > self._finished)
            while not self._over() and (batch := self.queue.take()) is not None:
                self._deliver(batch)
            with self._done:
                self._finished = max(self._finished, asked)
                self._done.notify_all()
        self._connection.close()

    def _over(self) -> bool:
        return self._stopped

    def _wait(self, signals: queue.SimpleQueue[str], timeout_s: float | None) -> None:
        try:
            signals.get(timeout=timeout_s)
        except queue.Empty:
            return

    def _drain(self, backlog: Backlog, *, now: bool) -> None:
        """Sends what waits on disk, as far as the collector takes it."""
        try:
            failure = backlog.drain(self._once, self._over, now=now)
        except Exception as error:  # nothing may end this thread
            failure = f"{type(error).__name__}: {error}"
            log.exception("what waits on disk could not be sent")
        if failure:
            self.last_failure = f"{self._url}: {failure}"
            self._warn(f"the collector at {self._url} cannot be reached ({failure})")

    def _deliver(self, batch: Batch) -> None:
        """Brings one batch to an end: every span exported, put on disk, or dropped for a reason."""
        pending = [batch]
        while pending:
            piece = pending.pop()
            verdict = Verdict("drop", reason="internal_error")
            try:
                verdict = self._attempts(piece, self._backlog is not None)
                if verdict.action == "spool" and not self._park(piece):
                    verdict = self._attempts(piece, False)
            except Exception as error:  # nothing may end this thread, and the ledger has to stay exact
                self.last_failure = f"{type(error).__name__}: {error}"
                log.exception("a batch of %d spans was dropped as internal_error", piece.count)
            if verdict.action == "split" and piece.count > 1:
                left, right = piece.split()
                pending += [right, left]
                continue
            if verdict.action == "spool":
                continue
            exported = piece.count - verdict.rejected if verdict.action == "done" else 0
            self.queue.settle(piece, exported, verdict.reason)
            if exported < piece.count and verdict.reason != "shutdown":
                refused = verdict.reason in ("http_401", "http_403")
                self._warn(f"spans were dropped: {verdict.detail or verdict.reason}", KEY if refused else "")

    def _packed(self, body: bytes) -> tuple[bytes, str]:
        """A body as it is sent, and its content encoding."""
        if not self._gzip:
            return body, ""
        packer = zlib.compressobj(6, zlib.DEFLATED, 31)
        return packer.compress(body) + packer.flush(), "gzip"

    def _park(self, batch: Batch) -> bool:
        body, encoding = self._packed(batch.encode())
        return self._backlog is not None and self._backlog.park(batch, body, encoding)

    def _once(self, body: bytes, encoding: str, spans: int) -> Verdict:
        """One attempt; `split` of what cannot be split any more is a drop."""
        try:
            return judge(self._connection.post(body, encoding), spans)
        except ReplyTooLarge as error:
            return Verdict("drop", reason="response_too_large", detail=str(error))
        except OSError as error:
            return Verdict("retry", detail=f"{type(error).__name__}: {error}")

    def _attempts(self, batch: Batch, to_disk: bool) -> Verdict:
        """Until the collector has answered, or `spool` when the batch may go to disk and should."""
        attempt, body = 0, batch.encode()
        if len(body) > MAX_REQUEST_BYTES:
            return Verdict("split", reason="too_large", detail=f"a request of {len(body)} bytes")
        if to_disk and self._backlog:  # the collector is away, and others are before it
            return Verdict("spool")
        body, encoding = self._packed(body)
        while True:
            attempt += 1
            asked = self._asked
            verdict = self._once(body, encoding, batch.count)
            if verdict.action != "retry":
                self.last_failure = verdict.detail if verdict.action != "done" else ""
                return verdict
            self.last_failure = f"{self._url}: {verdict.detail}"
            self._warn(f"the collector at {self._url} cannot be reached ({verdict.detail})")
            if to_disk and (attempt >= ATTEMPTS_BEFORE_DISK or self._over()):
                return Verdict("spool")
            if self._over():
                return Verdict("drop", reason="shutdown", detail="the process ended before the collector was back")
            deadline = time.monotonic() + backoff_s(attempt, verdict.delay_s)
            # A new flush or the shutdown cuts the wait short, once each.
            while not self._over() and self._asked == asked and (left := deadline - time.monotonic()) > 0:
                self._wait(self._signals, left)
            if self._over():
                if to_disk:
                    return Verdict("spool")
                return Verdict("drop", reason="shutdown", detail="the process ended before the collector was back")

    def _warn(self, what: str, repair: str = UNREACHABLE) -> None:
        now = time.monotonic()
        if now - self._warned_at < WARN_EVERY_S:
            return
        self._warned_at = now
        log.warning(
            "%s; spans that wait: %d, dropped so far: %d%s",
            what,
            self.queue.queued,
            sum(self.queue.dropped.values()),
            f". {repair}" if repair else "",
        )

    def flush(self, timeout_s: float) -> FlushResult:
        """Sends what has ended before the call and waits for it, at most `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        lost = sum(self.queue.dropped.values())
        if (self.queue.queued or self.queue.spooled) and not self._stopped:
            with self._done:
                self._asked += 1
                mine = self._asked
            self._signals.put("")
            self._ensure_thread()
            with self._done:
                while self._finished < mine and (left := deadline - time.monotonic()) > 0:
                    self._done.wait(left)
                ok = self._finished >= mine
        else:
            ok = self.queue.queued == 0
        return self.result(ok and not self.queue.spooled and sum(self.queue.dropped.values()) == lost)

    def result(self, ok: bool) -> FlushResult:
        """The ledger now."""
        created, exported, queued, dropped, sampled_out, spooled, recovered = self.queue.ledger()
        return FlushResult(
            ok, created, exported, queued, dropped, sampled_out, self.last_failure, 0, spooled, recovered
        )

    def stop(self, timeout_s: float) -> FlushResult:
        """Flushes within `timeout_s` and ends the thread; the rest goes to disk, or is dropped as `shutdown`.

        May be called twice.
        """
        before = self.flush(timeout_s) if not self._stopped else self.result(True)
        self._stopped = True
        self._signals.put("")
        self._connection.close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.15 if self._backlog is None else 2.0)
        lost = before.queued
        if self._backlog is not None:
            while (batch := self.queue.take()) is not None:
                if not self._park(batch):
                    self.queue.settle(batch, 0, "shutdown")
            self._backlog.close()
        self.queue.close("shutdown")
        if self._backlog is not None:
            lost = self.queue.dropped.get("shutdown", 0) - before.dropped.get("shutdown", 0)
        if lost:
            self._warn(f"spans were dropped at shutdown ({lost}): {self.last_failure or 'no time left'}")
        return self.result(before.ok and not lost)
