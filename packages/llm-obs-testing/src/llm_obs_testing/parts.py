"""What a sink is given, made from spans."""

from __future__ import annotations

from collections.abc import Iterable

from llm_obs_core.interfaces import SinkPart, SpanBatch
from llm_obs_core.model import Position, Span
from llm_obs_core_ext.scan import scan

from llm_obs_testing.otlp import request

__all__ = ["CONTENT_KEY", "batch_of", "make_part", "position"]

CONTENT_KEY = bytes(range(32))
"""Key of the digests."""


def position(sequence: int, writer: str = "test", partition: int = 0) -> Position:
    """A place in a test's log."""
    return Position(writer, partition, sequence)


def batch_of(spans: Iterable[Span]) -> SpanBatch:
    """The spans as a scanned batch."""
    return scan(request(spans))


def make_part(
    spans: Iterable[Span], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part with measures and contents, of the records `first` to `last` of the test's log."""
    batch = batch_of(spans)
    return SinkPart(
        tenant,
        position(first),
        position(first if last is None else last),
        batch,
        received_ns=received_ns,
        measures=batch.measures(),
        contents=batch.contents(CONTENT_KEY),
    )
