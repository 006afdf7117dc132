"""Spans already seen: which rows of a batch are new, within bounded memory."""

from typing import Final, NamedTuple

from llm_obs_core_ext.batch import SpanBatch

MIN_BYTES: Final[int]

class Marks(NamedTuple):
    """What `DedupIndex.mark` found.

    Attributes:
        mask: A byte a row: 1 seen for the first time; 0 an exact duplicate (tenant, trace id, span id and the bytes of
            the span's message are those of a span seen before); 2 the same tenant and ids with other bytes. None when
            all rows are 1. `SpanBatch.select(mask)` leaves out the duplicates.
        duplicates: How many are 0.
        replaced: How many are 2.
    """

    mask: bytes | None
    duplicates: int
    replaced: int

class DedupIndex:
    """Knows spans that were marked before, the newest that `max_bytes` have room for: 24 bytes each when it is full.

    The oldest go first, a half of all at once. It grows with what it holds and takes nothing before the first span.
    One thread at a time.

    Args:
        max_bytes: Memory that it never exceeds, at least `MIN_BYTES`.

    Raises:
        ValueError: `max_bytes` is too small.
    """

    def __init__(self, max_bytes: int) -> None: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def entries(self) -> int:
        """Spans that it knows."""
    @property
    def evicted(self) -> int:
        """Spans that it has forgotten because there was no room."""
    @property
    def nbytes(self) -> int:
        """Bytes that it takes now, at most `max_bytes`."""
    def mark(self, batch: SpanBatch, tenant: bytes) -> Marks:
        """Marks the rows of one tenant's batch, in order; a row is compared with those before it in the batch too.

        Marking is not taken back: who marks a batch twice finds nothing but duplicates, so keep the marks of a batch
        until they are stored.

        Raises:
            RuntimeError: Another thread is in `mark`.
            MemoryError: There is no memory for the first few spans; nothing was marked.
        """

def siphash128(key: bytes, data: bytes) -> bytes:
    """SipHash-2-4-128 as bytes: what identities are made with, for tests."""
