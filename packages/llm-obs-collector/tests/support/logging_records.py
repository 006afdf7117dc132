"""What the log tests share."""

from __future__ import annotations

import hashlib
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llm_obs_collector.log import FileLog
from llm_obs_core.config import LogSettings
from llm_obs_core.interfaces import Appended, Feed
from llm_obs_core.model import LogRecord, Position, RecordKind, Stream
from llm_obs_core_ext.frames import Frames


def record(number: int, *, tenant: str = "default", payload: bytes | None = None, received_ns: int = 0) -> LogRecord:
    body = f"payload {number}".encode() if payload is None else payload
    return LogRecord(
        kind=RecordKind.SPANS,
        tenant=tenant,
        received_ns=received_ns or time.time_ns(),
        digest=hashlib.blake2b(b"%d" % number, digest_size=16).digest(),
        accepted=number,
        rejected=1,
        payload=body,
        index=b"index" * (number % 3),
        normalizer_version=1,
        prices_version=2,
        scrub_version=3,
    )


def framed(item: LogRecord, sequence: int) -> bytes:
    """The record as a segment holds it."""
    frames = Frames()
    frames.add(item, sequence, 0, item.payload)
    return frames.tobytes()


def open_log(root: Path, **settings: object) -> FileLog:
    return FileLog(root, "test", LogSettings(**settings))  # type: ignore[arg-type]


async def append(log: FileLog, item: LogRecord) -> Appended:
    """Accepts one record."""
    return (await log.accepted.append([item]))[0]


async def read_back(log: FileLog, count: int, after: Position | None = None) -> list[LogRecord]:
    found: list[LogRecord] = []
    async for item in log.feed(Stream.ACCEPTED, "").read(after):
        found.append(item.record)
        if len(found) == count:
            break
    return found


def feed(log: FileLog, reader: str = "sink", stream: Stream = Stream.ACCEPTED) -> Feed:
    return log.feed(stream, reader)


async def newest(log: FileLog, stream: Stream = Stream.ACCEPTED) -> int:
    """The sequence of the last record; 0 when there is none."""
    item = await log.feed(stream, "").newest()
    return 0 if item is None else item.position.sequence


def at(sequence: int, stream: Stream = Stream.ACCEPTED) -> Position:
    return Position("test", 0, sequence, stream)


def segments(root: Path, stream: Stream = Stream.ACCEPTED) -> list[Path]:
    folder = root / "test" / "0"
    return sorted((folder / "derived" if stream is Stream.DERIVED else folder).glob("*.seg"))


@contextmanager
def room_for(nbytes: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond this size, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
