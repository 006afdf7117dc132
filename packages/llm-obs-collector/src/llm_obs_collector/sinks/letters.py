"""Dead letters: rows that a sink will never take as they are, kept until somebody sends or removes them.

A file a record and cause: one line of JSON, then the rows as a record of their kind has them (spans: a canonical
ExportTraceServiceRequest). A letter is on disk before the cursor passes its record; written again after a crash, it
replaces itself.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog
from llm_obs_core.errors import StoreError
from llm_obs_core.model import Position, RecordKind, Stream
from llm_obs_core.owned import sync_directory

__all__ = ["DeadLetters", "Letter"]

SUFFIX: Final = ".letter"
MAX_REASON_CHARS: Final = 2_000


class Letter(msgspec.Struct, frozen=True):
    """What is known of a dead letter beside its rows.

    Attributes:
        sink: The sink that did not take it.
        tenant: Whose rows they are.
        position: Of the record they were in when it first was in the log.
        spans: How many rows; spans, unless `kind` says otherwise.
        cause: `refused`, `gave_up` or `unreadable`.
        reason: What the sink said.
        received_ns: When the record was received, Unix nanoseconds.
        written_ns: When the letter was written, Unix nanoseconds.
        digest: BLAKE2b-128 of the payload, hexadecimal.
        payload_bytes: Its size.
        kind: What the rows are, a name of `RecordKind`.
        again: Sequence of the record in which they were offered again; 0 when they were not.
    """

    sink: str
    tenant: str
    position: Position
    spans: int
    cause: str
    reason: str
    received_ns: int
    written_ns: int
    digest: str
    payload_bytes: int
    kind: str = RecordKind.SPANS.name
    again: int = 0

    @classmethod
    def of(
        cls,
        sink: str,
        position: Position,
        tenant: str,
        received_ns: int,
        payload: bytes,
        spans: int,
        cause: str,
        reason: str,
        kind: RecordKind = RecordKind.SPANS,
        again: int = 0,
    ) -> Letter:
        """The head of a letter that is written now."""
        return cls(
            sink=sink,
            tenant=tenant,
            position=position,
            spans=spans,
            cause=cause,
            reason=reason[:MAX_REASON_CHARS],
            received_ns=received_ns,
            written_ns=time.time_ns(),
            digest=_digest(payload),
            payload_bytes=len(payload),
            kind=kind.name,
            again=again,
        )

    @property
    def id(self) -> str:
        """What names the letter within its sink.

        Rows that were offered again have a letter of their own: another one of the same first record may still be kept.
        """
        at = self.position
        stream = "" if at.stream is Stream.ACCEPTED else f"-{at.stream}"
        again = f"-{self.again}" if self.again else ""
        return f"{at.writer}-{at.partition}{stream}-{at.sequence}-{self.cause}{again}"


class DeadLetters:
    """The letters of one sink.

    Args:
        data_dir: `server.data_dir`.
        sink: The sink's name in the configuration.
    """

    def __init__(self, data_dir: Path, sink: str) -> None:
        self.sink = sink
        self.path = data_dir / "dead-letters" / sink

    def put(self, letter: Letter, payload: bytes) -> None:
        """Writes one letter and returns when it is on disk.

        Raises:
            OSError: The disk refuses; the cursor must not move.
        """
        if not self.path.exists():
            self.path.mkdir(mode=0o700, parents=True)
            sync_directory(self.path.parent)
            sync_directory(self.path.parent.parent)
        temporary = self.path / f"{letter.id}.tmp"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(fd, "wb") as file:
            file.write(msgspec.json.encode(letter) + b"\n")
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.path / f"{letter.id}{SUFFIX}")
        sync_directory(self.path)

    def count(self) -> int:
        """How many letters are kept."""
        return sum(1 for _ in self.path.glob(f"*{SUFFIX}"))

    def __iter__(self) -> Iterator[Letter]:
        """Every letter, by writer, partition and sequence; what is none is left where it is, and named in the log."""
        found = [letter for path in self.path.glob(f"*{SUFFIX}") if (letter := self._head(path)) is not None]
        return iter(sorted(found, key=lambda letter: letter.position))

    def payload(self, letter: Letter) -> bytes:
        """The spans of a letter.

        Raises:
            StoreError: The file is gone or is not as it was written.
        """
        path = self.path / f"{letter.id}{SUFFIX}"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError("a dead letter", got=error.strerror or "none", where=str(path)) from None
        payload = data.partition(b"\n")[2]
        if _digest(payload) != letter.digest:
            raise StoreError(
                "the bytes that were written", got="others", where=str(path), fix="restore the file or remove it"
            )
        return payload

    def remove(self, letter: Letter) -> None:
        """Forgets a letter; may be called twice."""
        (self.path / f"{letter.id}{SUFFIX}").unlink(missing_ok=True)
        sync_directory(self.path)

    def _head(self, path: Path) -> Letter | None:
        try:
            with path.open("rb") as file:
                return msgspec.json.decode(file.readline(), type=Letter)
        except (OSError, msgspec.MsgspecError) as error:
            structlog.get_logger("llm_obs.sink").warning(
                "a file is no dead letter", file=str(path), reason=str(error), fix="restore it, or move it away"
            )
            return None


def _digest(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=16).hexdigest()
