"""Scanned spans as rows over raw bytes. The C contract is `batch.pxd`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from llm_obs_core.model import Rejection, Span

from llm_obs_core_ext.arrow import Arrow
from llm_obs_core_ext.contents import ContentBatch
from llm_obs_core_ext.emit import Edits
from llm_obs_core_ext.measures import MeasureBatch

class KeyTable:
    """Numbers for the keys that the hot path looks at: 1 + the key's place in `names`.

    Args:
        names: The keys; by default `llm_obs_core.semconv.KNOWN_KEYS`.
    """

    names: tuple[str, ...]
    count: int
    def __init__(self, names: Sequence[str] = ...) -> None: ...
    def __len__(self) -> int: ...
    def id(self, name: str) -> int:
        """The key's number, from 1; 0 when it is not in the table."""

class RowBatch:
    """Immutable rows of one signal over one or more byte buffers: what edits, emit, text scan and rules work on."""

    rejected: list[Rejection]
    @property
    def buffer_count(self) -> int:
        """How many buffers the rows point into; one, unless the batch was made by `concat`."""
    @property
    def received(self) -> int:
        """Items in the request: those accepted and those rejected."""
    @property
    def nbytes(self) -> int:
        """Bytes of the buffers that the rows point into."""
    @property
    def key_names(self) -> tuple[str, ...]:
        """The keys of the batch's table; key id n is the name at n - 1."""
    def __len__(self) -> int: ...
    def otlp(self) -> bytes:
        """The rows as one canonical request of their signal."""
    def texts(self, buffer: int = 0, edits: Edits | None = None) -> tuple[memoryview, memoryview, memoryview]:
        """Every string that must be scanned, as ranges of one buffer: (starts, ends, buffer).

        Keys (but those of the batch's table), values with those inside lists and maps, bytes values, resources and
        scopes (once, however many rows share them), and the rest of a row: of a span its name, events, links, status
        message and trace state.

        Args:
            buffer: Which of the batch's buffers; a scanned batch has one.
            edits: Attributes that they leave out are not among the strings.

        Returns:
            Two arrays of u32 (format `I`) and the buffer.
        """
    def select(self, mask: bytes | bytearray | memoryview) -> Self:
        """The rows whose byte in `mask` is not zero, over the same buffers; `rejected` is empty."""
    def split(self, max_bytes: int) -> list[Self]:
        """Parts whose canonical bytes stay below `max_bytes`; one larger span is a part of its own."""

class SpanBatch(RowBatch):
    """Rows of spans; made by `scan`. Implements `llm_obs_core.interfaces.SpanBatch`."""

    def spans(self) -> Iterator[Span]:
        """The rows as Structs, made one at a time; for plugins and tests, not for the hot path."""
    def columns(self) -> dict[str, Arrow]:
        """Every column of `llm_obs_core.model.SPAN_COLUMNS`, one value a row; the rules are those of `columns.pyi`.

        Raises:
            LimitError: One column's text is over 2 GiB.
        """
    def payloads(self) -> dict[str, Arrow]:
        """What the columns do not hold, one `binary` value a row, canonical protobuf without its own tag.

        `otlp_span` is the Span message without the attributes of `CONTENT_SLOTS`, `otlp_scope` its
        InstrumentationScope and `otlp_resource` its Resource, null where the request had none. Schema URLs are not
        part of them. `assemble` is the way back.

        Raises:
            LimitError: One column is over 2 GiB.
        """
    def contents(self, key: bytes) -> ContentBatch:
        """The messages of the rows, one by one; the rules are those of `contents.pyi`.

        Args:
            key: 16 to 64 bytes, one a tenant: digests of different tenants must not be comparable.

        Raises:
            LimitError: The messages are over 2 GiB.
            ValueError: The key is shorter or longer.
        """
    def measures(self) -> MeasureBatch:
        """What the rows measure, added up by key; the rules are those of `measures.pyi`.

        Raises:
            LimitError: One key column's text is over 2 GiB.
        """
    @staticmethod
    def concat(batches: Iterable[SpanBatch]) -> SpanBatch:
        """The rows of all batches, in order, over all their buffers, which are not copied; `rejected` is empty."""
