"""The `Consumer` behind every receiver. Python runs a fixed number of steps per request, none per span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import groupby
from operator import attrgetter

from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces import Context, LogWriter, Outcome, Reservation, SpanBatch

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
        handler = self._handler(context)
        return handler.prepare(body, context.content_type or handler.signal.content_types[0], context)

    def _handler(self, context: Context) -> SignalHandler:
        handler = self._signals.of_kind(context.kind)
        if handler is None:
            raise PluginError(f"a signal of kind {context.kind.name}", got="none", fix="offer what a signal brings")
        return handler

    async def _process(self, body: bytes, context: Context, reservation: Reservation) -> Outcome:
        try:
            if len(body) <= self._handler(context).inline_bytes:
                prepared = self.prepare(body, context)
            else:
                prepared = await asyncio.to_thread(self.prepare, body, context)
            repeated = await self._append(prepared)
        finally:
            reservation.release()
        outcome = Outcome(prepared.accepted, prepared.rejected, repeated)
        if self._observe is not None:
            self._observe(prepared, outcome)
        return outcome

    async def _append(self, prepared: Prepared) -> int:
        """Makes the records durable; returns how many of their items the log held already."""
        repeated = 0
        partition = attrgetter("partition")
        for _, group in groupby(sorted(prepared.records, key=partition), partition):
            records = list(group)
            appended = await self._log.append(records)
            repeated += sum(record.accepted for record, item in zip(records, appended, strict=True) if item.duplicate)
        return repeated
