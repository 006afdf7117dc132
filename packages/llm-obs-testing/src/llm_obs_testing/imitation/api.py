"""What an API is to the imitation: its paths, its requests, its answers. One object says all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from llm_obs_testing.imitation.answer import Answer

if TYPE_CHECKING:
    from llm_obs_testing.imitation.script import Call

__all__ = ["Api", "RefusedError", "event"]


class RefusedError(Exception):
    """A request that the API does not understand: it is answered with an error, and is no call.

    Args:
        status: HTTP status.
        message: What is wrong.
        code: The API's own code of it.
    """

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Api(Protocol):
    """An HTTP API of a provider, as far as it is imitated."""

    @property
    def name(self) -> str:
        """Under which the ledger keeps its calls."""

    @property
    def provider(self) -> str:
        """Under which the price table knows its models."""

    @property
    def base(self) -> str:
        """The path of a client's base URL, such as `/v1`."""

    @property
    def models(self) -> Mapping[str, str]:
        """The models that there are, and the names under which they answer."""

    def serves(self, path: str) -> bool:
        """Whether a path is one of this API; it need not exist."""

    def listed(self, method: str, path: str, models: Mapping[str, str]) -> bytes | None:
        """The answer to a request that is no call, such as a list of models; None for any other."""

    def read(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str, dict[str, Any]]:
        """Operation, model and decoded body of a call.

        Raises:
            RefusedError: It is none.
        """

    def key(self, headers: Mapping[str, str]) -> str | None:
        """The key that a request carries."""

    def attempt(self, headers: Mapping[str, str]) -> int:
        """The client's own count of its retries, from 0."""

    def user(self, body: Mapping[str, Any]) -> str:
        """Whom a request names as its user; empty for nobody."""

    def complete(self, call: Call, answer: Answer) -> Answer:
        """Fills in what the script left open: text, finish reason, usage."""

    def tier(self, call: Call, answer: Answer) -> str:
        """The service tier of an answer, as the price table knows it."""

    def streamed(self, call: Call) -> bool:
        """Whether a stream is asked for."""

    def tells_usage(self, call: Call) -> bool:
        """Whether the stream that is asked for tells its usage."""

    def failure(self, status: int) -> tuple[str, str | None, str]:
        """Type, code and message of an error that the script gave no words."""

    def headers(self, ident: str) -> Mapping[str, str]:
        """Further headers of an answer."""

    def error(self, answer: Answer) -> bytes:
        """The body of an error."""

    def whole(self, call: Call, answer: Answer, ident: str, model: str) -> bytes:
        """The body of a complete answer."""

    def events(self, call: Call, answer: Answer, ident: str, model: str) -> Iterator[bytes]:
        """A stream's pieces on the wire; what only says that nothing more comes is left to `ending`."""

    def ending(self, call: Call) -> bytes:
        """What ends a stream after its events; empty for nothing."""


def event(value: Any, kind: str = "") -> bytes:
    """A server-sent event."""
    head = b"event: " + kind.encode() + b"\n" if kind else b""
    return head + b"data: " + msgspec.json.encode(value) + b"\n\n"
