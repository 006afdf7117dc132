"""A sink and a reader over one store in memory: small, slow, and by the contract; other components are tested on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from llm_obs_core.errors import StoreError
from llm_obs_core.interfaces import ContentItem, SinkLimits, SinkPart, StoredAnnotation
from llm_obs_core.model import CONTENT_SLOTS, Position, Span

from llm_obs_testing.arrow import decode
from llm_obs_testing.measures import measure_rows
from llm_obs_testing.memory_reader import MemoryReader
from llm_obs_testing.parts import CONTENT_KEY, make_part
from llm_obs_testing.rows import Row, rows_of, without_content

__all__ = ["MemoryReader", "MemorySink", "MemoryStore"]


class _Stored(msgspec.Struct):
    span: Span
    row: Row
    content: list[ContentItem]


class MemoryStore:
    """What one sink and any number of readers share.

    Attributes:
        position: The last Position written, None at first.
        received_ns: Up to when everything received is here, Unix nanoseconds; None at first.
        annotations: By tenant, trace id, span id (None for the whole trace) and key.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self.received_ns: int | None = None
        self.traces: dict[tuple[str, bytes], dict[bytes, _Stored]] = {}
        self.measures: list[tuple[str, Row]] = []
        self.annotations: dict[tuple[str, bytes, bytes | None, str], StoredAnnotation] = {}

    def add(self, spans: Iterable[Span], *, tenant: str = "default", received_ns: int = 0) -> None:
        """Puts spans in without a sink, for tests of what reads."""
        self.write([make_part(spans, 0, tenant=tenant, received_ns=received_ns)])

    def annotate(self, said: Iterable[StoredAnnotation]) -> None:
        """Puts annotations in, in the order in which they arrived."""
        for item in said:
            key = (item.tenant, item.trace_id, item.span_id, item.key)
            known = self.annotations.get(key)
            if known is None or known.revision <= item.revision:
                self.annotations[key] = item

    def write(self, parts: Sequence[SinkPart]) -> None:
        """Puts parts in, all or none."""
        taken = [(part, *_taken(part)) for part in parts]
        for part, stored, measures in taken:
            for item in stored:
                self.traces.setdefault((part.tenant, item.span.trace_id), {})[item.span.span_id] = item
            self.measures += [(part.tenant, row) for row in measures]
            if part.received_ns:
                self.received_ns = max(self.received_ns or 0, part.received_ns)


def _taken(part: SinkPart) -> tuple[list[_Stored], list[Row]]:
    """A part's spans and its measures."""
    rows = rows_of(part.spans)
    spans = part.spans.spans()
    stored = [_Stored(without_content(span), row, []) for span, row in zip(spans, rows, strict=True)]
    contents = part.spans.contents(CONTENT_KEY) if part.contents is None else part.contents
    columns = {name: decode(column) for name, column in contents.columns().items()}
    for at, slot, index, digest, body in zip(
        *(columns[name] for name in ("row", "slot", "index", "digest", "body")), strict=True
    ):
        item = ContentItem(CONTENT_SLOTS[slot][0], index, digest, body, len(body.encode()))
        stored[at].content.append(item)
    return stored, measure_rows(part.spans.measures() if part.measures is None else part.measures)


class MemorySink:
    """A `Sink` that keeps everything; its Position is kept with the data.

    Args:
        store: Where to; a new store when None.
    """

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or MemoryStore()

    @property
    def limits(self) -> SinkLimits:
        """Spans, with measures and contents."""
        return SinkLimits(measures=True, contents=True)

    async def start(self) -> Position | None:
        """The last Position written."""
        return self.store.position

    async def write(self, parts: Sequence[SinkPart], first: Position, last: Position) -> None:
        """Keeps the parts; what it has already is passed over."""
        done = self.store.position
        if done is not None and (done.writer, done.partition) == (last.writer, last.partition):
            if last <= done:
                return
            if first <= done:
                raise StoreError(
                    f"a write that begins behind {done}", got=f"{first} to {last}", fix="start the sink again"
                )
        self.store.write(parts)
        self.store.position = last

    async def stop(self) -> None:
        """Nothing to flush."""
