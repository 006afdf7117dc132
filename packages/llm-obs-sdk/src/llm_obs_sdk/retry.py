"""What an answer of the collector means for a batch: the client rules of OTLP/HTTP."""

from __future__ import annotations

import email.utils
import random
import time
from typing import NamedTuple

from llm_obs_sdk.transport import Reply

__all__ = ["MAX_DELAY_S", "Verdict", "backoff_s", "judge", "retry_after_s"]

MAX_DELAY_S = 60.0
"""No wait between two attempts is longer, whatever `Retry-After` says."""

RETRYABLE = frozenset({429, 502, 503, 504})


class Verdict(NamedTuple):
    """What to do.

    Attributes:
        action: `done`, `retry`, `split` or `drop`.
        rejected: Spans that the collector refused in a partial success.
        delay_s: Wait that the collector asked for; 0 when it named none.
        reason: Why spans are lost, as the ledger calls it.
        detail: In words, for the warning.
    """

    action: str
    rejected: int = 0
    delay_s: float = 0.0
    reason: str = ""
    detail: str = ""


def judge(reply: Reply, spans: int) -> Verdict:
    """The verdict on an answer to a batch of `spans` spans."""
    if 200 <= reply.status < 300:
        rejected, message = _partial_success(reply.body)
        return Verdict("done", min(rejected, spans), reason="rejected", detail=message)
    said = _status_message(reply.body)
    detail = f"HTTP {reply.status}" + (f": {said}" if said else "")
    if reply.status in RETRYABLE:
        return Verdict("retry", delay_s=retry_after_s(reply.headers.get("retry-after", "")), detail=detail)
    if reply.status == 413:
        return Verdict("split", reason="too_large", detail=detail)
    return Verdict("drop", reason=f"http_{reply.status}", detail=detail)


def retry_after_s(text: str) -> float:
    """Seconds of a `Retry-After` header (a number or an HTTP date), from 0 to `MAX_DELAY_S`."""
    text = text.strip()
    if not text:
        return 0.0
    if text.isdigit():
        return min(float(text), MAX_DELAY_S)
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(at - time.time(), 0.0), MAX_DELAY_S)


def backoff_s(attempt: int, asked_s: float = 0.0) -> float:
    """The wait before attempt `attempt` + 1: what was asked for, else 0.5 s doubled up to 30 s, with ±50 % jitter."""
    base = asked_s or min(0.5 * 2 ** min(attempt - 1, 10), 30.0)
    if asked_s:
        return base * random.uniform(1.0, 1.25)  # noqa: S311 - spreads clients, no secret
    return base * random.uniform(0.5, 1.5)  # noqa: S311


def _partial_success(body: bytes) -> tuple[int, str]:
    """`partial_success` of an ExportTraceServiceResponse: rejected spans, message; what cannot be read is success."""
    try:
        rejected, message = 0, b""
        for field, value in _fields(body):
            if field == 1 and isinstance(value, bytes):
                for inner, item in _fields(value):
                    if inner == 1 and isinstance(item, int):
                        rejected = item
                    elif inner == 2 and isinstance(item, bytes):
                        message = item
        return max(rejected, 0), message.decode("utf-8", "replace")[:500]
    except (IndexError, ValueError):
        return 0, ""


def _status_message(body: bytes) -> str:
    """The text of a `google.rpc.Status`; empty when the body is something else."""
    try:
        texts = [value for field, value in _fields(body) if field == 2 and isinstance(value, bytes)]
        return texts[-1].decode("utf-8")[:500] if texts else ""
    except (IndexError, ValueError):
        return ""


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(data, at)
            if value >= 1 << 63:
                value -= 1 << 64
        elif tag & 7 == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a length past the end")
            value, at = data[at : at + size], at + size
        else:
            size = {1: 8, 5: 4}[tag & 7] if tag & 7 in (1, 5) else len(data)
            value, at = data[at : at + size], at + size
        found.append((tag >> 3, value))
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a varint of more than 10 bytes")
