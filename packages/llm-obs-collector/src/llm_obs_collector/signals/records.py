"""Records of any kind as rows, and rows as a payload again: what assembly and sinks read the log with."""

from __future__ import annotations

from typing import Final

from llm_obs_core.columnar import ColumnBatch, pack, unpack
from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import Rows
from llm_obs_core.model import LogRecord, PayloadKind, RecordKind
from llm_obs_core_ext.batch import SpanBatch

from llm_obs_collector.signals.registry import Signals

__all__ = ["RecordReader"]

_DERIVED: Final = {
    RecordKind.MEASURES: PayloadKind.MEASURES,
    RecordKind.CALLS: PayloadKind.CALLS,
    RecordKind.CORRECTION: PayloadKind.CORRECTIONS,
}


class RecordReader:
    """Knows what the records of each kind hold.

    Args:
        signals: Those of the accepted kinds.
    """

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def payload_kind(self, kind: RecordKind) -> PayloadKind | None:
        """What a sink is given of such records; None when nothing."""
        handler = self._signals.of_kind(kind)
        return _DERIVED.get(kind) if handler is None else handler.signal.payload

    def rows(self, record: LogRecord) -> Rows:
        """The rows of a record.

        Raises:
            LlmObsError: The payload cannot be read.
        """
        handler = self._signals.of_kind(record.kind)
        if handler is not None:
            return handler.rows(record)
        if record.kind in _DERIVED:
            return unpack(record.payload)
        raise StoreError(
            "a record of a kind that this llm-obs knows",
            got=record.kind.name,
            where="log",
            fix="start a version of llm-obs that takes this signal",
        )

    @staticmethod
    def payload(rows: Rows) -> bytes:
        """Rows as the payload of a record."""
        return rows.otlp() if isinstance(rows, SpanBatch) else pack(ColumnBatch(len(rows), rows.columns()))
