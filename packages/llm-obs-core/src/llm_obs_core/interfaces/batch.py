"""The batch: rows over raw OTLP bytes, as stages and sinks see it. `llm_obs_core_ext.batch` implements it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from llm_obs_core.model import Rejection, Span

__all__ = ["Arrow", "MeasureBatch", "SpanBatch"]


class Arrow(Protocol):
    """One column in Arrow's memory layout, ready for `pyarrow.Array.from_buffers`.

    Attributes:
        type: A type word of `llm_obs_core.model.Column`.
        length: Rows.
        null_count: Rows that are null.
        validity: Bitmap, least significant bit first, or None when no row is null.
        offsets: int32 offsets of strings and lists, `length + 1` of them, or None.
        data: The values; string bytes for strings.
    """

    type: str
    length: int
    null_count: int
    validity: memoryview | bytes | None
    offsets: memoryview | bytes | None
    data: memoryview | bytes


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


class MeasureBatch(Protocol):
    """Rows of measures (`MEASURE_KEYS`, `MEASURE_VALUES`) computed from one tenant's batch."""

    def __len__(self) -> int:
        """Rows."""

    def columns(self) -> Mapping[str, Arrow]:
        """Every key and value column; a histogram as `<name>_index` and `<name>_count` lists."""
