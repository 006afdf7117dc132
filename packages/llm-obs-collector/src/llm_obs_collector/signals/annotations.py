"""Annotations: what people and evaluators say about traces and spans, sent as JSON.

Python runs per annotation: they come at a human's rate. A wrong one is left out alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from llm_obs_core import columnar, columns
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.columns import Value
from llm_obs_core.errors import LimitError, WireError
from llm_obs_core.interfaces import Context, Outcome
from llm_obs_core.model import ANNOTATION_COLUMNS, LogRecord, Rejection
from llm_obs_core.signals import ANNOTATIONS

from llm_obs_collector.scrub import Scanner
from llm_obs_collector.signals.annotation import Annotation, Wrong, read
from llm_obs_collector.signals.handler import Prepared, SignalRows, digest_of

__all__ = ["AnnotationHandler", "AnnotationRows"]

MAX_BODY_BYTES: Final = 1024 * 1024
"""A body of tiny items takes many times its size as objects, so it may not be as large as one of spans."""


class AnnotationRows(ColumnBatch):
    """Rows of `ANNOTATION_COLUMNS`."""

    def select(self, mask: bytes | bytearray | memoryview) -> AnnotationRows:
        """The rows whose byte in `mask` is not zero."""
        return _rows(columns.select(self, mask))


class AnnotationHandler:
    """The `SignalHandler` of annotations.

    Args:
        scanner: What is written over in keys and values.
        max_items: `receiver.max_annotations_per_request`.
    """

    signal = ANNOTATIONS
    inline_bytes = 16 * 1024

    def __init__(self, scanner: Scanner, max_items: int) -> None:
        self._scanner = scanner
        self._max_items = max_items

    def prepare(self, body: bytes, content_type: str, context: Context) -> Prepared:
        """Reads, checks and scrubs: one record of packed columns."""
        good: list[Annotation] = []
        wrong: dict[str, Rejection] = {}
        for index, raw in enumerate(_items(body, self._max_items)):
            try:
                good.append(read(raw, f"annotations[{index}]"))
            except Wrong as error:
                first = wrong.get(error.reason)
                count = 1 if first is None else first.count + 1
                wrong[error.reason] = (
                    Rejection(error.reason, index, count, str(error))
                    if first is None
                    else msgspec.structs.replace(first, count=count)
                )
        rejected = tuple(wrong.values())
        if not good:
            return Prepared(self.signal, (), rejected)
        texts, scrubbed = self._scanner.texts([text for item in good for text in item.texts])
        rows = [_row(item, texts[2 * n], texts[2 * n + 1], context.received_ns) for n, item in enumerate(good)]
        record = LogRecord(
            kind=self.signal.kind,
            tenant=context.tenant,
            received_ns=context.received_ns,
            digest=digest_of(self.signal.kind, body),
            accepted=len(rows),
            rejected=sum(item.count for item in rejected),
            payload=columnar.pack(columns.batch_of(ANNOTATION_COLUMNS, rows)),
            scrub_version=self._scanner.version,
        )
        return Prepared(self.signal, (record,), rejected, scrubbed.counts)

    def rows(self, record: LogRecord) -> AnnotationRows:
        """The annotations; columns that the record lacks are null."""
        return _rows(columnar.unpack(record.payload))

    def concat(self, parts: Sequence[SignalRows]) -> AnnotationRows:
        """One copy of all of them."""
        return _rows(columns.concat(ANNOTATION_COLUMNS, cast("Sequence[ColumnBatch]", parts)))

    def response(self, outcome: Outcome, content_type: str) -> bytes:
        """How many were accepted, and for each reason the first that was not."""
        rejected = [
            {"reason": item.reason, "index": item.index, "count": item.count, "message": item.message}
            for item in outcome.rejected
        ]
        return msgspec.json.encode({"accepted": outcome.accepted, "rejected": rejected}) + b"\n"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    annotations: list[msgspec.Raw]


def _items(body: bytes, most: int) -> list[msgspec.Raw]:
    """The items of a request, unread."""
    if len(body) > MAX_BODY_BYTES:
        raise LimitError(f"at most {MAX_BODY_BYTES} bytes of annotations", got=str(len(body)), fix="send fewer at once")
    try:
        items = msgspec.json.decode(body, type=_Body).annotations
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(
            'a JSON object {"annotations": [...]}',
            got=str(error),
            fix='send {"annotations": [{"target": {"trace_id": "…"}, "key": "…", "value": …}]}',
        ) from None
    if len(items) > most:
        raise LimitError(
            f"at most {most} annotations",
            got=str(len(items)),
            fix="send fewer at once, or raise receiver.max_annotations_per_request",
        )
    return items


def _row(item: Annotation, key: str, value: str, received_ns: int) -> tuple[Value, ...]:
    return (item.trace_id, item.span_id, key, item.stored(value), item.revision, received_ns)


def _rows(batch: ColumnBatch) -> AnnotationRows:
    return AnnotationRows(len(batch), batch.columns())
