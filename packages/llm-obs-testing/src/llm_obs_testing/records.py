"""Records to test a log with, and what it holds."""

from __future__ import annotations

import hashlib
import time
from contextlib import aclosing
from typing import Any, Final

import msgspec
from llm_obs_core.interfaces import Feed, Log, StoredRecord
from llm_obs_core.model import Covers, LogRecord, Position, RecordKind, Stream

__all__ = ["NOW_NS", "NO_DIGEST", "append", "derived", "first", "held", "record"]

NOW_NS: Final = time.time_ns()
"""A log knows resends for a time only, so that records are new."""

NO_DIGEST: Final = bytes(16)


def record(number: int, *, tenant: str = "default", **fields: Any) -> LogRecord:
    """An accepted record that no other number has; it says that it holds two spans.

    Args:
        number: Which.
        tenant: Whose.
        **fields: Other fields of `LogRecord`.
    """
    payload = b"payload %d" % number
    digest = hashlib.blake2b(payload, digest_size=16).digest()
    made = LogRecord(RecordKind.SPANS, tenant, NOW_NS + number, digest, 2, 0, payload)
    return msgspec.structs.replace(made, **fields)


def derived(number: int, first: Position, last: Position | None = None, **fields: Any) -> LogRecord:
    """A derived record that covers a range of accepted ones; it has no digest.

    Args:
        number: Which.
        first: The first record that it covers.
        last: The last; the first when None.
        **fields: Other fields of `LogRecord`.
    """
    covers = Covers(first, first if last is None else last)
    made: dict[str, Any] = {"kind": RecordKind.MEASURES, "digest": NO_DIGEST, "covers": covers}
    return record(number, **(made | fields))


async def first(feed: Feed, count: int, after: Position | None = None) -> list[StoredRecord]:
    """The first records after a Position; waits until there are so many."""
    found: list[StoredRecord] = []
    async with aclosing(feed.read(after)) as records:  # type: ignore[type-var]
        async for item in records:
            found.append(item)
            if len(found) == count:
                break
    return found


async def held(log: Log, stream: Stream = Stream.ACCEPTED, reader: str = "test") -> list[StoredRecord]:
    """Everything that the stream holds now; names a reader of it."""
    feed = log.feed(stream, reader)
    found: list[StoredRecord] = []
    while (item := await feed.peek(found[-1].position if found else None)) is not None:
        found.append(item)
    return found


async def append(log: Log, *records: LogRecord, stream: Stream = Stream.ACCEPTED) -> list[Position]:
    """Appends records at once."""
    return [item.position for item in await log.writer(stream).append(records)]
