"""Bringing one load to a sink: again until it is stored, without the rows that it will never take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from llm_obs_core.config import Worker
from llm_obs_core.errors import LlmObsError, PermanentError, RetryableError, StoreError
from llm_obs_core.interfaces import Sink, SinkPart
from llm_obs_core.model import Position
from llm_obs_core_ext.batch import SpanBatch

from llm_obs_collector.sinks.breaker import Breaker
from llm_obs_collector.sinks.deadline import within
from llm_obs_collector.sinks.ledger import Decided, SinkLedger
from llm_obs_collector.sinks.letters import DeadLetters, Letter
from llm_obs_collector.sinks.parts import Load, Piece, halves, parts, records_in, up_to, without
from llm_obs_collector.sinks.timing import Clock, backoff_s

__all__ = ["Delivery", "WriteObserver"]

WriteObserver = Callable[[str, str, float], None]
"""Told of each write: sink, `stored`, `refused` or `failed`, seconds."""


class Delivery:
    """The way to one sink.

    Args:
        sink: Where to.
        settings: `[sinks.<name>.worker]`.
        letters: What it refuses is kept here.
        ledger: What becomes of each span.
        key_of: A tenant's key for the digests of contents.
        clock: For waits.
        observe: Told of each write.
    """

    def __init__(
        self,
        sink: Sink,
        settings: Worker,
        letters: DeadLetters,
        ledger: SinkLedger,
        key_of: Callable[[str], bytes],
        clock: Clock,
        observe: WriteObserver,
    ) -> None:
        self._sink = sink
        self._settings = settings
        self._letters = letters
        self._ledger = ledger
        self._key_of = key_of
        self._clock = clock
        self._observe = observe
        self._log = structlog.get_logger("llm_obs.sink").bind(sink=letters.sink)
        self._buried: dict[tuple[Position, str], list[SpanBatch]] = {}
        self.breaker = Breaker(settings.breaker_failures, settings.breaker_reset_s, clock.now)
        self.trouble = ""
        """Why the last write failed; empty when it went well."""

    async def bring(self, load: Load) -> None:
        """Returns when every span of the load is stored or kept as a dead letter.

        Raises:
            StoreError: The sink must be started again.
            OSError: A dead letter cannot be written.
        """
        self._ledger.pending = Decided(not_routed=load.not_routed)
        self._buried.clear()
        for item, reason in load.unreadable:
            record = item.record
            await self._put(
                item.position, record.tenant, record.received_ns, record.payload, record.accepted, "unreadable", reason
            )
            self._count("unreadable", record.accepted)
        for place, pieces in enumerate(load.writes):
            final = place == len(load.writes) - 1
            await self._write(pieces, load.first, load.last if final else _moved(load.first, -1))

    async def _write(self, pieces: list[Piece], first: Position, last: Position) -> None:
        while pieces:
            made = await asyncio.to_thread(parts, pieces, self._sink.limits, self._key_of)
            rows = sum(len(part.spans) for part in made)
            failed = await self._try(made, first, last)
            if failed is None:
                self._ledger.pending.stored += rows
                return
            if not isinstance(failed, PermanentError):
                await self._bury(pieces, "gave_up", f"gave up after {self._settings.retry_attempts} tries: {failed}")
                return
            if items := [row for row in failed.items or () if 0 <= row < rows]:
                pieces, dead = without(pieces, items)
                await self._bury(dead, "refused", str(failed))
            elif len(records := records_in(pieces)) > 1:
                middle = records[len(records) // 2 - 1]
                left, pieces = up_to(pieces, middle)
                await self._write(left, first, middle)
                first = _moved(middle, 1)
            elif rows == 1 or self._sink.limits.whole_records:
                await self._bury(pieces, "refused", str(failed))
                return
            else:
                left, pieces = halves(pieces)
                await self._write(left, first, _moved(first, -1))

    async def _try(self, made: Sequence[SinkPart], first: Position, last: Position) -> Exception | None:
        """None when it is stored; a PermanentError, or the failure after which the settings give up."""
        failures = 0
        while True:
            if (wait_s := self.breaker.wait_s) > 0:
                await self._clock.sleep(wait_s)
            started = self._clock.now()
            result = "failed"
            overdue: list[RetryableError] = []
            try:
                await self._write_once(made, first, last, failures, overdue)
                result = "stored"
            except PermanentError as error:
                result = "refused"
                self.breaker.succeeded()
                return error
            except StoreError as error:
                self._tell(error, 1)
                raise
            except Exception as error:  # whatever a store raises: what is in the log is not given up
                failures += 1
                if not overdue:  # else it was counted at its deadline
                    self._failed(error, failures)
                if 0 < self._settings.retry_attempts <= failures:
                    return error
                asked_s = error.retry_after_s if isinstance(error, RetryableError) else None
                await self._clock.sleep(max(backoff_s(failures, self._settings, asked_s), self.breaker.wait_s))
            else:
                self.breaker.succeeded()
                self.trouble = ""
                return None
            finally:
                self._observe(self._letters.sink, result, self._clock.now() - started)

    async def _write_once(
        self, made: Sequence[SinkPart], first: Position, last: Position, failures: int, overdue: list[RetryableError]
    ) -> None:
        """One write, which has ended when this returns or raises; `overdue` is filled at its deadline."""

        def late(error: RetryableError) -> None:
            overdue.append(error)
            self._failed(error, failures + 1)

        await within(self._settings.timeout_s, self._sink.write(made, first, last), "a write", self._letters.sink, late)

    async def _bury(self, pieces: Sequence[Piece], cause: str, reason: str) -> None:
        """Keeps rows as dead letters: on disk before the write that leaves them out moves the sink's Position."""
        for piece in pieces:
            batches = self._buried.setdefault((piece.position, cause), [])
            batches.append(piece.batch)
            whole = SpanBatch.concat(batches)
            await self._put(piece.position, piece.tenant, piece.received_ns, whole.otlp(), len(whole), cause, reason)
            self._count(cause, len(piece.batch))

    async def _put(
        self, position: Position, tenant: str, received_ns: int, payload: bytes, spans: int, cause: str, reason: str
    ) -> None:
        letter = Letter.of(self._letters.sink, position, tenant, received_ns, payload, spans, cause, reason)
        await asyncio.to_thread(self._letters.put, letter, payload)
        self._log.warning("dead letter", id=letter.id, spans=spans, reason=reason)

    def _count(self, cause: str, spans: int) -> None:
        dead = self._ledger.pending.dead_letter
        dead[cause] = dead.get(cause, 0) + spans

    def _failed(self, error: Exception, failures: int) -> None:
        self.breaker.failed()
        self._tell(error, failures)

    def _tell(self, error: Exception, failures: int) -> None:
        trouble = str(error) or repr(error)
        if trouble != self.trouble:
            known = isinstance(error, LlmObsError)
            self._log.warning("a write failed", error=trouble, tries=failures, exc_info=None if known else error)
        self.trouble = trouble


def _moved(position: Position, by: int) -> Position:
    return Position(position.writer, position.partition, position.sequence + by)
