"""What is answered to what: from a queue, from the request's header, else made up from the seed and the request."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llm_obs_testing.imitation.answer import Answer, ToolCall
from llm_obs_testing.imitation.api import Api

__all__ = ["HEADER", "Call", "Script", "answer_from_header", "count_tokens", "digest", "scripted", "with_text"]

HEADER = "x-imitation"
"""A request header that says what to answer, such as `status=429; times=1; retry-after-ms=20`."""

TEXT = (
    "the order is on its way and should reach you within two days we checked the invoice against your plan please "
    "restart the device then open settings and choose network the refund was sent to your card today thank you for "
    "your patience let me know if anything else is unclear here is a short summary of what we found so far"
)
WORDS = TEXT.split()


class Call(msgspec.Struct, frozen=True):
    """One request as a script sees it.

    Attributes:
        api: The API that is called.
        operation: The API's word for it, such as `chat`, `responses` or `embeddings`.
        model: The model asked for.
        body: The decoded request.
        headers: Names in lower case.
        attempt: The client's own count of its retries, from 0.
        seen: How often an equal request came before, retries included.
        rng: Seeded from the imitation's seed and the body, so equal requests have equal answers.
    """

    api: Api
    operation: str
    model: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    attempt: int
    seen: int
    rng: random.Random

    @property
    def user(self) -> str:
        """Whom the request names as its user, or empty."""
        return self.api.user(self.body)


Script = Callable[[Call], Answer]


def digest(seed: int, path: str, body: bytes) -> bytes:
    """What equal requests have in common."""
    return hashlib.blake2b(path.encode() + body, key=seed.to_bytes(8, "big"), digest_size=16).digest()


def count_tokens(text: str) -> int:
    """The imitation's idea of tokens: four bytes one token."""
    return (len(text.encode()) + 3) // 4


def scripted(call: Call) -> Answer:
    """The default script: an error or a shape that the header asks for, else words from the seed."""
    answer = answer_from_header(call) or Answer()
    if answer.status >= 400 and not answer.message:
        kind, code, message = call.api.failure(answer.status)
        return msgspec.structs.replace(answer, error_type=kind, error_code=code, message=message)
    return answer


def answer_from_header(call: Call) -> Answer | None:
    """What `x-imitation` asks for; None without it, or when its `times` are over.

    Raises:
        ValueError: The header cannot be read.
    """
    given = call.headers.get(HEADER, "")
    values = {}
    for part in given.split(";"):
        name, equals, value = part.partition("=")
        if part.strip() and not equals:
            raise ValueError(f"expected name=value, got {part.strip()!r} (at header {HEADER})")
        if equals:
            values[name.strip()] = value.strip()
    times = int(values.pop("times", "0"))
    if not values or (times and call.seen >= times):
        return None
    fields: dict[str, Any] = {}
    for name, value in values.items():
        if name == "status":
            fields["status"] = int(value)
        elif name == "retry-after-ms":
            fields["retry_after_ms"] = int(value)
        elif name == "cut-after":
            fields["cut_after"] = int(value)
        elif name in ("delay-ms", "chunk-delay-ms"):
            fields[name.removesuffix("-ms").replace("-", "_") + "_s"] = float(value) / 1000
        elif name == "text":
            fields["text"] = value
        elif name == "finish-reason":
            fields["finish_reason"] = value
        elif name == "tool":
            fields["tools"] = (ToolCall(value),)
        else:
            raise ValueError(f"expected a known name, got {name!r} (at header {HEADER})")
    return Answer(**fields)


def with_text(call: Call, answer: Answer) -> Answer:
    """The answer with a text, made up where the script gave none."""
    if answer.text is not None:
        return answer
    words = call.rng.randint(8, 40)
    start = call.rng.randrange(len(WORDS))
    made_up = " ".join(WORDS[(start + step) % len(WORDS)] for step in range(words))
    text = "" if answer.tools or answer.refusal is not None else made_up.capitalize() + "."
    return msgspec.structs.replace(answer, text=text)
