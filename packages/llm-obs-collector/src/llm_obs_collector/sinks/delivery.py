"""Bringing one load to a sink: again until it is stored, without the rows that it will never take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog
from llm_obs_core.config import Worker
from llm_obs_core.errors import LlmObsError, PermanentError, RetryableError, StoreError
from llm_obs_core.interfaces import Rows, Sink, SinkPart, SinkWrite
from llm_obs_core.model import Position
from llm_obs_core_ext.batch import SpanBatch

from llm_obs_collector.signals import RecordReader
from llm_obs_collector.sinks.breaker import Breaker
from llm_obs_collector.sinks.deadline import within
from llm_obs_collector.sinks.ledger import Decided, SinkLedger
from llm_obs_collector.sinks.letters import DeadLetters, Letter
from llm_obs_collector.sinks.pieces import Load, Piece, can_be_halved, halves, parts, without
from llm_obs_collector.timing import Clock, backoff_s

__all__ = ["Delivery", "Prepared", "WriteObserver"]

WriteObserver = Callable[[str, str, float], None]
"""Told of each write: sink, `stored`, `refused` or `failed`, seconds that the sink took."""

Prepared = tuple[Load, tuple[SinkPart, ...]]
"""A load, and the parts of its first write."""


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
        self._buried: dict[tuple[Position, str], list[Rows]] = {}
        self._staged: list[Piece] = []
        self.breaker = Breaker(settings.breaker_failures, settings.breaker_reset_s, clock.now)
        self.trouble = ""
        """Why the last write failed; empty when it went well."""

    def prepare(self, load: Load) -> Prepared:
        """Makes the parts of the first write; for a thread."""
        return load, parts(load.writes[0], self._sink.limits, self._key_of) if load.writes else ()

    async def bring(self, prepared: Prepared) -> None:
        """Returns when every row of the load is stored or kept as a dead letter.

        Raises:
            StoreError: The sink must be started again.
            OSError: A dead letter cannot be written.
        """
        load, made = prepared
        self._ledger.pending = Decided(not_routed=load.not_routed, duplicate=load.duplicate)
        self._buried.clear()
        self._staged.clear()
        for item in load.unreadable:
            record = item.record
            letter = Letter.of(
                self._letters.sink, item.position, record.tenant, record.received_ns, record.payload, record.accepted,
                "unreadable", item.reason, record.kind,
            )  # fmt: skip
            await self._put(letter, record.payload)
            self._count("unreadable", record.accepted)
        for index, pieces in enumerate(load.writes):
            await self._write(pieces, load, index == len(load.writes) - 1, made if index == 0 else None)

    async def _write(
        self, pieces: list[Piece], load: Load, final: bool, made: tuple[SinkPart, ...] | None = None
    ) -> None:
        """Writes pieces; where they are the last of the range, the sink is told so even when none is left of them."""
        while pieces or final:
            if made is None:
                made = await asyncio.to_thread(parts, pieces, self._sink.limits, self._key_of)
            rows = sum(len(part.rows) for part in made)
            failed = await self._try(SinkWrite(made, load.first, load.last, final))
            made = None
            if failed is None:
                self._ledger.pending.stored += _items(pieces)
                self._staged += pieces
                return
            if not isinstance(failed, PermanentError):
                reason = f"gave up after {self._settings.retry_attempts} tries: {failed}"
                await self._bury(pieces, "gave_up", reason)
                if final:  # what a transactional store has of the range never becomes visible
                    self._ledger.pending.stored -= _items(self._staged)
                    await self._bury(self._staged, "gave_up", reason)
                return
            if items := [row for row in failed.items or () if 0 <= row < rows]:
                pieces, dead = without(pieces, items)
                await self._bury(dead, "refused", str(failed))
            elif can_be_halved(pieces):
                left, pieces = halves(pieces)
                await self._write(left, load, False)
            elif pieces:
                await self._bury(pieces, "refused", str(failed))
                pieces = []
            else:
                raise failed

    async def _try(self, write: SinkWrite) -> Exception | None:
        """None when it is stored; a PermanentError, or the failure after which the settings give up."""
        failures = 0
        while True:
            if (wait_s := self.breaker.wait_s) > 0:
                await self._clock.sleep(wait_s)
            started = self._clock.now()
            overdue: list[RetryableError] = []
            try:
                await self._write_once(write, failures, overdue)
            except asyncio.CancelledError:
                self._observed("failed", started)
                raise
            except PermanentError as error:
                self._observed("refused", started)
                self.breaker.succeeded()
                return error
            except StoreError as error:
                self._observed("failed", started)
                self._tell(error, 1)
                raise
            except Exception as error:  # whatever a store raises: what is in the log is not given up
                self._observed("failed", started)
                failures += 1
                if not overdue:  # else it was counted at its deadline
                    self._failed(error, failures)
                if 0 < self._settings.retry_attempts <= failures:
                    return error
                asked_s = error.retry_after_s if isinstance(error, RetryableError) else None
                await self._clock.sleep(max(backoff_s(failures, self._settings, asked_s), self.breaker.wait_s))
            else:
                self._observed("stored", started)
                self.breaker.succeeded()
                self.trouble = ""
                return None

    def _observed(self, result: str, started: float) -> None:
        """Tells of a write, without the wait that may follow it."""
        self._observe(self._letters.sink, result, self._clock.now() - started)

    async def _write_once(self, write: SinkWrite, failures: int, overdue: list[RetryableError]) -> None:
        """One write, which has ended when this returns or raises; `overdue` is filled at its deadline."""

        def late(error: RetryableError) -> None:
            overdue.append(error)
            self._failed(error, failures + 1)

        await within(self._settings.timeout_s, self._sink.write(write), "a write", self._letters.sink, late)

    async def _bury(self, pieces: Sequence[Piece], cause: str, reason: str) -> None:
        """Keeps rows as dead letters: on disk before the write that leaves them out moves the sink's Position."""
        for piece in pieces:
            before = self._buried.setdefault((piece.record, cause), [])
            before.append(piece.rows)
            rows = piece.rows
            if isinstance(rows, SpanBatch) and len(before) > 1:
                rows = SpanBatch.concat([batch for batch in before if isinstance(batch, SpanBatch)])
            payload = RecordReader.payload(rows)
            letter = Letter.of(
                self._letters.sink, piece.identity, piece.tenant, piece.received_ns, payload, len(rows), cause, reason,
                piece.record_kind, piece.record.sequence if piece.record != piece.identity else 0,
            )  # fmt: skip
            await self._put(letter, payload)
            self._count(cause, piece.items)

    async def _put(self, letter: Letter, payload: bytes) -> None:
        await asyncio.to_thread(self._letters.put, letter, payload)
        self._log.warning("dead letter", id=letter.id, spans=letter.spans, reason=letter.reason)

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


def _items(pieces: Sequence[Piece]) -> int:
    return sum(piece.items for piece in pieces)
