"""What a sink is given, made from spans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from llm_obs_core.interfaces import Arrow, SinkPart, SpanBatch
from llm_obs_core.model import CONTENT_SLOTS, Position, Span
from llm_obs_core_ext.scan import scan

from llm_obs_testing.arrow import encode
from llm_obs_testing.measures import measure
from llm_obs_testing.otlp import request
from llm_obs_testing.rows import Message, messages, rows_of

__all__ = ["Contents", "batch_of", "contents_of", "make_part", "position"]

CONTENT_KEY = bytes(range(32))
"""Key of the digests."""
_SLOTS = {slot: number for number, (slot, _) in enumerate(CONTENT_SLOTS)}


class Contents:
    """Messages of rows, as a `ContentBatch`."""

    def __init__(self, found: Sequence[tuple[int, Message]]) -> None:
        self.found = found

    def __len__(self) -> int:
        return len(self.found)

    def columns(self) -> dict[str, Arrow]:
        """row, slot, index, digest, body."""
        items = [message for _, message in self.found]
        return {
            "row": encode("int32", [row for row, _ in self.found]),
            "slot": encode("int8", [_SLOTS[item.slot] for item in items]),
            "index": encode("int32", [item.index for item in items]),
            "digest": encode("fixed16", [item.digest for item in items]),
            "body": encode("string", [item.body for item in items]),
        }


def position(sequence: int, writer: str = "test", partition: int = 0) -> Position:
    """A place in a test's log."""
    return Position(writer, partition, sequence)


def batch_of(spans: Iterable[Span]) -> SpanBatch:
    """The spans as a scanned batch."""
    return cast("SpanBatch", scan(request(spans)))


def contents_of(spans: Iterable[Span], key: bytes = CONTENT_KEY) -> Contents:
    """The spans' messages."""
    return Contents([(row, message) for row, span in enumerate(spans) for message in messages(span, key)])


def make_part(
    spans: Iterable[Span], first: int, last: int | None = None, *, tenant: str = "default", received_ns: int = 0
) -> SinkPart:
    """A part with measures and contents, of the records `first` to `last` of the test's log."""
    found = list(spans)
    batch = batch_of(found)
    return SinkPart(
        tenant,
        position(first),
        position(first if last is None else last),
        batch,
        received_ns=received_ns,
        measures=measure(rows_of(batch)),
        contents=contents_of(found),
    )
