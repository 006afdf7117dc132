"""placeholder until the signals registry merges"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from llm_obs_core.columnar import pack, unpack
from llm_obs_core.interfaces import Rows
from llm_obs_core.model import LogRecord, PayloadKind, RecordKind
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.scan import scan


class RecordRows(Rows, Protocol):
    def select(self, mask: bytes | bytearray | memoryview) -> Any: ...


NO_LIMIT = 2**31 - 1


def rows_of(record: LogRecord) -> Any:
    if record.kind is RecordKind.SPANS:
        return scan(record.payload, max_spans=NO_LIMIT, max_attributes=NO_LIMIT)
    return unpack(record.payload)


PAYLOADS = {
    RecordKind.SPANS: PayloadKind.SPANS,
    RecordKind.LOGS: PayloadKind.LOGS,
    RecordKind.METRICS: PayloadKind.METRICS,
    RecordKind.ANNOTATION: PayloadKind.ANNOTATIONS,
    RecordKind.MEASURES: PayloadKind.MEASURES,
    RecordKind.CALLS: PayloadKind.CALLS,
    RecordKind.CORRECTION: PayloadKind.CORRECTIONS,
    RecordKind.KEPT: PayloadKind.SPANS,
}


def payload_of(kind: RecordKind, rows: Any) -> bytes:
    return rows.otlp() if kind is RecordKind.SPANS else pack(rows)
