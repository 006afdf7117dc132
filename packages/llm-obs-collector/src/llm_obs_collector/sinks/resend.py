"""Dead letters offered to their sink again: through the log, so that nothing is lost on the way and all is counted."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Collection

import msgspec
from llm_obs_core.interfaces import Log
from llm_obs_core.model import LogRecord, RecordKind, Stream

from llm_obs_collector.sinks.letters import DeadLetters, Letter

__all__ = ["Resent", "resend"]


class Resent(msgspec.Struct, frozen=True):
    """What was sent again: letters, their spans, and the letters that cannot be sent because nobody can read them."""

    letters: int
    spans: int
    unreadable: int


async def resend(log: Log, kept: DeadLetters, ids: Collection[str] | None = None) -> Resent:
    """Appends letters to the log for their sink alone, and removes each once its record is on disk.

    A letter that was appended before a crash and not removed is recognised as a resent request is.

    Args:
        log: The log.
        kept: The letters of one sink.
        ids: Which; all when None.

    Raises:
        RetryableError: The log cannot be written; what was not sent yet is still kept.
        StoreError: A letter is not as it was written.
    """
    sent = spans = unreadable = 0
    for letter in await asyncio.to_thread(list, kept):
        if ids is not None and letter.id not in ids:
            continue
        if letter.cause == "unreadable":
            unreadable += 1
            continue
        payload = await asyncio.to_thread(kept.payload, letter)
        await log.writer(Stream.ACCEPTED).append([_record(letter, payload)])
        await asyncio.to_thread(kept.remove, letter)
        sent += 1
        spans += letter.spans
    return Resent(sent, spans, unreadable)


def _record(letter: Letter, payload: bytes) -> LogRecord:
    identity = f"{letter.sink}/{letter.id}/{letter.written_ns}/{letter.digest}"
    return LogRecord(
        kind=RecordKind[letter.kind],
        tenant=letter.tenant,
        received_ns=time.time_ns(),
        digest=hashlib.blake2b(identity.encode(), digest_size=16).digest(),
        accepted=letter.spans,
        rejected=0,
        payload=payload,
        target=letter.sink,
        origin=letter.position,
    )
