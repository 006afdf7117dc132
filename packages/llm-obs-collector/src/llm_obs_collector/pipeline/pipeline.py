"""The `Consumer` behind every receiver. Python runs a fixed number of steps per request, none per span."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from blake3 import blake3
from llm_obs_core.config import Receiver
from llm_obs_core.interfaces import Context, Log, Outcome, SpanBatch
from llm_obs_core.model import LogRecord
from llm_obs_core_ext.batch import SpanBatch as ScannedBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.price import Priced
from llm_obs_core_ext.scan import scan

from llm_obs_collector.budget import Budget
from llm_obs_collector.pipeline.meaning import Meaning
from llm_obs_collector.scrub import Scanner, Scrubbed

__all__ = ["Pipeline", "Prepared"]

INLINE_BYTES = 1024 * 1024
"""Requests up to this size are processed on the event loop, larger ones in a thread."""

DIGEST_BYTES = 16


class Prepared(NamedTuple):
    """A request that is ready for the log."""

    record: LogRecord
    batch: ScannedBatch
    scrubbed: Scrubbed
    priced: Priced


class Pipeline:
    """Takes requests and returns when they are durable.

    Args:
        log: Where they become durable.
        scanner: What is written over before.
        limits: `[receiver]`: spans a request, attributes a span, bytes under way.
        observe: Told of each request that was accepted, for metrics.
        meaning: Normalisers and pricers; by default none, so that only facts are derived.
        budget: Bytes under way, shared with the receivers.
    """

    def __init__(
        self,
        log: Log,
        scanner: Scanner,
        limits: Receiver,
        observe: Callable[[Prepared, Outcome], None] | None = None,
        meaning: Meaning | None = None,
        budget: Budget | None = None,
    ) -> None:
        self._log = log
        self._scanner = scanner
        self._limits = limits
        self._observe = observe
        self._meaning = Meaning() if meaning is None else meaning
        self._budget = budget or Budget(limits.max_in_flight_bytes)

    async def offer(self, payload: bytes | SpanBatch, context: Context) -> Outcome:
        """Scans, normalises, prices, scrubs and logs one request; see `llm_obs_core.interfaces.Consumer`."""
        body = payload if isinstance(payload, bytes) else payload.otlp()
        self._budget.take(len(body))
        held = len(body)
        try:
            if len(body) <= INLINE_BYTES:
                prepared = self.prepare(body, context)
            else:
                prepared = await asyncio.to_thread(self.prepare, body, context)
            appending = asyncio.get_running_loop().create_task(self._append(prepared, held))
            held = 0
        finally:
            self._budget.give(held)
        return await asyncio.shield(appending)  # a sender that hangs up stops neither the record nor its count

    async def _append(self, prepared: Prepared, held: int) -> Outcome:
        try:
            duplicate = False
            if prepared.record.accepted:
                duplicate = (await self._log.append([prepared.record]))[0].duplicate
        finally:
            self._budget.give(held)
        outcome = Outcome(prepared.record.accepted, tuple(prepared.batch.rejected), duplicate)
        if self._observe is not None:
            self._observe(prepared, outcome)
        return outcome

    def prepare(self, body: bytes, context: Context) -> Prepared:
        """Everything before the log; safe in any thread.

        Raises:
            WireError: The bytes are not such a request.
            LimitError: Too many spans.
        """
        batch = scan(
            body,
            max_spans=self._limits.max_spans_per_request,
            max_attributes=self._limits.max_attributes_per_span,
            keys=self._meaning.keys,
        )
        edits = Edits(batch)
        priced = self._meaning.apply(batch, edits)
        scrubbed = self._scanner.scrub(batch, edits)
        record = LogRecord(
            kind=context.kind,
            tenant=context.tenant,
            received_ns=context.received_ns,
            digest=blake3(body).digest(DIGEST_BYTES),
            accepted=len(batch),
            rejected=batch.received - len(batch),
            payload=emit(batch, edits),
            normalizer_version=self._meaning.normalizer_version,
            prices_version=self._meaning.prices_version,
            scrub_version=self._scanner.version,
        )
        return Prepared(record, batch, scrubbed, priced)
