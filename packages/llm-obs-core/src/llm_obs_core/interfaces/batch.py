"""The batch: rows over raw OTLP bytes, as stages and sinks see it. `llm_obs_core_ext.batch` implements it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from llm_obs_core.model import Rejection, Span

__all__ = ["Arrow", "ContentBatch", "MeasureBatch", "Rows", "SpanBatch"]


class Arrow(Protocol):
    """One column in Arrow's memory layout, ready for `pyarrow.Array.from_buffers`.

    Attributes:
        type: A type word of `llm_obs_core.model.Column`, or `binary`, `list<uint16>`, `list<uint32>`.
        length: Rows.
        null_count: Rows that are null.
        validity: Bitmap, least significant bit first, or None when no row is null.
        offsets: int32 offsets of strings, binaries and lists, `length + 1` of them, or None.
        data: The values, little endian; string bytes for strings, a bitmap for bool, the joined items for lists.
    """

    type: str
    length: int
    null_count: int
    validity: memoryview | bytes | None
    offsets: memoryview | bytes | None
    data: memoryview | bytes


class Rows(Protocol):
    """Rows of any kind as columns."""

    def __len__(self) -> int:
        """How many."""

    def columns(self) -> Mapping[str, Arrow]:
        """Every column by name, one value a row."""


@runtime_checkable
class SpanBatch(Protocol):
    """Immutable spans over one or more byte buffers."""

    @property
    def received(self) -> int:
        """Spans in the request: those accepted and those rejected."""

    @property
    def rejected(self) -> Sequence[Rejection]:
        """What was dropped and why."""

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers that the rows point into."""

    def __len__(self) -> int:
        """Accepted spans."""

    def otlp(self) -> bytes:
        """The rows as one canonical ExportTraceServiceRequest."""

    def spans(self) -> Iterator[Span]:
        """The rows as Structs, made one at a time; for plugins and tests, not for the hot path."""

    def select(self, mask: bytes | bytearray | memoryview) -> SpanBatch:
        """The rows whose byte in `mask` is not zero, over the same buffers."""

    def split(self, max_bytes: int) -> Sequence[SpanBatch]:
        """Parts whose canonical bytes stay below `max_bytes`; one larger span is a part of its own."""

    def columns(self) -> Mapping[str, Arrow]:
        """Every column of `SPAN_COLUMNS`, one value a row."""

    def payloads(self) -> Mapping[str, Arrow]:
        """What the columns do not hold, one `binary` value a row, canonical protobuf without its own tag.

        `otlp_span` is the Span message without the attributes of `CONTENT_SLOTS`, `otlp_scope` its
        InstrumentationScope, `otlp_resource` its Resource (null where the request had none).
        """

    def measures(self) -> MeasureBatch:
        """What the rows measure: only model calls with usage role leaf count."""

    def contents(self, key: bytes) -> ContentBatch:
        """The messages of the rows, one by one.

        Args:
            key: 16 to 64 bytes, one a tenant: digests of different tenants must not be comparable.
        """


class ContentBatch(Protocol):
    """Content taken apart into messages: in the slots of lists a JSON array's elements each, anything else as one.

    The slots of lists are `input`, `output`, `system`, `tools` and `documents`; `tool_arguments`, `tool_result` and
    `query` are never split. An array of many tiny elements is one message too (`llm_obs_core_ext/contents.pyi`).

    Columns: `row` int32 (the row of the span batch, ascending), `slot` int8 (place in `CONTENT_SLOTS`), `index`
    int32 (place in the slot, from 0), `digest` fixed16 (BLAKE2b-128 of the body, keyed by tenant), `body` string
    (exactly the bytes of the message; JSON text for values that came as OTLP lists or maps).
    """

    def __len__(self) -> int:
        """Messages."""

    def columns(self) -> Mapping[str, Arrow]:
        """The columns above, none of them null."""


class MeasureBatch(Protocol):
    """Rows of measures (`MEASURE_KEYS`, `MEASURE_VALUES`) computed from one tenant's batch.

    They are additive: rows with equal keys, of any batches, are one row whose values (and whose histograms' counts, by
    index) are added.
    """

    def __len__(self) -> int:
        """Rows."""

    def columns(self) -> Mapping[str, Arrow]:
        """Every key and value column; a histogram as `<name>_index` and `<name>_count` lists."""
