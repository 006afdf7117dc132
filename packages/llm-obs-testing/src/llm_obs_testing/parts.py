"""What a sink is given, made from spans as the collector would make it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import msgspec
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.interfaces import ContentBatch, Rows, SinkPart, SinkWrite, SpanBatch
from llm_obs_core.model import (
    ANNOTATION_COLUMNS,
    CALL_COLUMNS,
    CORRECTION_COLUMNS,
    MEASURE_KEYS,
    MEASURE_VALUES,
    Column,
    PayloadKind,
    Position,
    Span,
    Stream,
)
from llm_obs_core.summary.columns import is_call
from llm_obs_core_ext.scan import scan

from llm_obs_testing.measures import measure_rows
from llm_obs_testing.otlp import request
from llm_obs_testing.rows import columns_of, rows_of

__all__ = [
    "CONTENT_KEY",
    "Annotation",
    "Correction",
    "batch_of",
    "make_annotations",
    "make_calls",
    "make_corrections",
    "make_measures",
    "make_part",
    "make_parts",
    "make_write",
    "position",
]

CONTENT_KEY = bytes(range(32))
"""Key of the digests."""


class Annotation(msgspec.Struct, frozen=True):
    """A row of `ANNOTATION_COLUMNS`; `value` is JSON text."""

    trace_id: bytes
    span_id: bytes | None
    key: str
    value: str
    revision: int = 1
    received_ns: int = 0

    @classmethod
    def of(cls, span: Span, key: str, value: object, revision: int = 1) -> Annotation:
        """One about a span."""
        return cls(span.trace_id, span.span_id, key, json.dumps(value), revision)


class Correction(msgspec.Struct, frozen=True):
    """A row of `CORRECTION_COLUMNS`; `old` and `new` are JSON text."""

    trace_id: bytes
    span_id: bytes
    field: str
    old: str | None
    new: str | None
    reason: str
    id: bytes


def position(sequence: int, writer: str = "test", partition: int = 0) -> Position:
    """A Position of the derived stream of a test's log."""
    return Position(writer, partition, sequence, Stream.DERIVED)


def batch_of(spans: Iterable[Span]) -> SpanBatch:
    """The spans as a scanned batch."""
    return scan(request(spans))


def make_part(
    spans: Iterable[Span], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part of SPANS with their contents, of the records `first` to `last` of the test's log."""
    batch = batch_of(spans)
    return _part(PayloadKind.SPANS, batch, first, last, tenant, received_ns, batch.contents(CONTENT_KEY))


def make_measures(spans: Sequence[Span], position: int, *, tenant: str = "default", received_ns: int = 0) -> SinkPart:
    """A part of MEASURES, as they are derived from the spans: of one record, by whose Position they are known."""
    rows = measure_rows(batch_of(spans).measures())
    columns = columns_of((*MEASURE_KEYS, *MEASURE_VALUES), rows)
    return _part(PayloadKind.MEASURES, columns, position, position, tenant, received_ns)


def make_calls(
    spans: Iterable[Span], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part of CALLS: those spans that are model calls and count."""
    rows = [row for row in rows_of(batch_of(spans)) if is_call(row)]
    return _part(PayloadKind.CALLS, columns_of(CALL_COLUMNS, rows), first, last, tenant, received_ns)


def make_annotations(
    said: Iterable[Annotation], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part of ANNOTATIONS."""
    columns = _columns(ANNOTATION_COLUMNS, said)
    return _part(PayloadKind.ANNOTATIONS, columns, first, last, tenant, received_ns)


def make_corrections(
    said: Iterable[Correction], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part of CORRECTIONS."""
    columns = _columns(CORRECTION_COLUMNS, said)
    return _part(PayloadKind.CORRECTIONS, columns, first, last, tenant, received_ns)


def make_parts(
    spans: Sequence[Span], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> tuple[SinkPart, ...]:
    """The parts of SPANS and MEASURES of the same records."""
    return (
        make_part(spans, first, last, tenant=tenant, received_ns=received_ns),
        make_measures(spans, first if last is None else last, tenant=tenant, received_ns=received_ns),
    )


def make_write(
    parts: Iterable[SinkPart], first: int | None = None, last: int | None = None, *, final: bool = True
) -> SinkWrite:
    """One write.

    Args:
        parts: At most one of each kind and tenant.
        first: The first record of its range; that of the parts when None.
        last: The last one.
        final: Whether it ends its range.
    """
    given = tuple(parts)
    return SinkWrite(
        given,
        min(part.first for part in given) if first is None else position(first),
        max(part.last for part in given) if last is None else position(last),
        final,
    )


def _part(
    kind: PayloadKind,
    rows: Rows,
    first: int,
    last: int | None,
    tenant: str,
    received_ns: int,
    contents: ContentBatch | None = None,
) -> SinkPart:
    end = first if last is None else last
    return SinkPart(kind, tenant, position(first), position(end), rows, received_ns, contents)


def _columns(table: Sequence[Column], items: Iterable[msgspec.Struct]) -> ColumnBatch:
    return columns_of(table, [msgspec.structs.asdict(item) for item in items])
