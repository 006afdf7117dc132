"""Traces: OTLP spans are scanned, normalised, priced, scrubbed and written anew. No Python statement for a span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from llm_obs_core.config import Receiver
from llm_obs_core.interfaces import Context, Outcome
from llm_obs_core.model import LogRecord
from llm_obs_core.signals import TRACES
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan

from llm_obs_collector.scrub import Scanner
from llm_obs_collector.signals.handler import Prepared, SignalRows, digest_of
from llm_obs_collector.signals.meaning import Meaning
from llm_obs_collector.signals.otlp import export_response

__all__ = ["TraceHandler"]

NO_LIMIT: Final = 2**31 - 1
"""What is in the log was within the limits of its day."""


class TraceHandler:
    """The `SignalHandler` of traces.

    Args:
        scanner: What is written over.
        limits: `[receiver]`: spans a request, attributes a span.
        meaning: Normalisers and pricers.
    """

    signal = TRACES
    inline_bytes = 1024 * 1024

    def __init__(self, scanner: Scanner, limits: Receiver, meaning: Meaning) -> None:
        self._scanner = scanner
        self._limits = limits
        self._meaning = meaning

    def prepare(self, body: bytes, content_type: str, context: Context) -> Prepared:
        """Scan, normalise, price, scrub, emit: one record."""
        batch = scan(
            body,
            max_spans=self._limits.max_spans_per_request,
            max_attributes=self._limits.max_attributes_per_span,
            keys=self._meaning.keys,
        )
        rejected = tuple(batch.rejected)
        if not len(batch):
            return Prepared(self.signal, (), rejected)
        edits = Edits(batch)
        priced = self._meaning.apply(batch, edits)
        scrubbed = self._scanner.scrub(batch, edits)
        record = LogRecord(
            kind=self.signal.kind,
            tenant=context.tenant,
            received_ns=context.received_ns,
            digest=digest_of(self.signal.kind, body),
            accepted=len(batch),
            rejected=batch.received - len(batch),
            payload=emit(batch, edits),
            normalizer_version=self._meaning.normalizer_version,
            prices_version=self._meaning.prices_version,
            scrub_version=self._scanner.version,
        )
        return Prepared(self.signal, (record,), rejected, scrubbed.counts, priced.priced, priced.unpriced)

    def rows(self, record: LogRecord) -> SpanBatch:
        """The spans, over the payload's bytes."""
        return scan(record.payload, max_spans=NO_LIMIT, max_attributes=NO_LIMIT)

    def concat(self, parts: Sequence[SignalRows]) -> SpanBatch:
        """Over the buffers of all parts; nothing is copied."""
        return SpanBatch.concat(cast("Sequence[SpanBatch]", parts))

    def response(self, outcome: Outcome, content_type: str) -> bytes:
        """An ExportTraceServiceResponse."""
        return export_response(outcome.rejected)
