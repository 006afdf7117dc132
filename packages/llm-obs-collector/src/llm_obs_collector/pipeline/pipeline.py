"""The `Consumer` behind every receiver. Python runs a fixed number of steps per request, none per span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces import Context, LogWriter, Outcome, Reservation, SpanBatch
from llm_obs_core.model import LogRecord

from llm_obs_collector.budget import Budget
from llm_obs_collector.signals import Prepared, SignalHandler, Signals

__all__ = ["Observer", "Pipeline"]

Observer = Callable[[Prepared, Outcome], None]
"""Told of each request that was answered with success, for the ledger and the metrics."""


class Pipeline:
    """Takes requests and returns when they are durable.

    Args:
        log: Where they become durable: the way into the accepted stream.
        signals: What is done for each signal.
        budget: Of the bytes under way, for requests that come without a reservation.
        observe: Told of each request that was taken.
    """

    def __init__(self, log: LogWriter, signals: Signals, budget: Budget, observe: Observer | None = None) -> None:
        self._log = log
        self._signals = signals
        self._budget = budget
        self._observe = observe

    async def offer(
        self, payload: bytes | SpanBatch, context: Context, reservation: Reservation | None = None
    ) -> Outcome:
        """Prepares and logs one request; see `llm_obs_core.interfaces.Consumer`."""
        body = payload if isinstance(payload, bytes) else payload.otlp()
        if reservation is None:
            mine = self._budget.reserve()
            mine.grow(len(body))
            reservation = mine
        else:
            reservation.settle(len(body))
        processing = asyncio.get_running_loop().create_task(self._process(body, context, reservation))
        return await asyncio.shield(processing)  # a sender that hangs up stops neither the record nor its count

    def prepare(self, body: bytes, context: Context) -> Prepared:
        """Everything before the log; safe in any thread.

        Raises:
            WireError: The bytes are no body of the signal.
            LimitError: Too many items.
        """
        return _prepare(self._handler(context), body, context)

    def _handler(self, context: Context) -> SignalHandler:
        handler = self._signals.of_kind(context.kind)
        if handler is None:
            raise PluginError(f"a signal of kind {context.kind.name}", got="none", fix="offer what a signal brings")
        return handler

    async def _process(self, body: bytes, context: Context, reservation: Reservation) -> Outcome:
        try:
            handler = self._handler(context)
            if len(body) <= handler.inline_bytes:
                prepared = _prepare(handler, body, context)
            else:
                prepared = await asyncio.to_thread(_prepare, handler, body, context)
            repeated = 0
            for records in _by_partition(prepared.records):
                appended = await self._log.append(records)
                for record, item in zip(records, appended, strict=True):
                    repeated += record.accepted if item.duplicate else 0
        finally:
            reservation.release()
        outcome = Outcome(prepared.accepted, prepared.rejected, repeated)
        if self._observe is not None:
            self._observe(prepared, outcome)
        return outcome


def _prepare(handler: SignalHandler, body: bytes, context: Context) -> Prepared:
    return handler.prepare(body, context.content_type or handler.signal.content_types[0], context)


def _by_partition(records: Sequence[LogRecord]) -> Iterable[Sequence[LogRecord]]:
    """An append is of one partition. A request whose second one fails is sent again, and the first is known then."""
    if len(records) < 2:
        return (records,) if records else ()
    partition = attrgetter("partition")
    return [list(group) for _, group in groupby(sorted(records, key=partition), partition)]
