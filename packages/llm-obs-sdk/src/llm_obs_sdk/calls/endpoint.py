"""What a provider says about itself: its client library, and the endpoints that are recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from llm_obs_sdk.fields import Fields
from llm_obs_sdk.handles import status_code

if TYPE_CHECKING:
    from llm_obs_core.interfaces import AnswerClock

    from llm_obs_sdk.calls.call import Call

__all__ = ["ChunkReader", "Endpoint", "Library", "Shape", "nothing"]


class Shape(NamedTuple):
    """Attributes of what the client returns, empty where it has no such thing. The defaults are Stainless's clients.

    Attributes:
        iterator: Of a stream: the iterator inside it, which may be replaced. A generator has none and needs none.
        response: Of a stream: the HTTP response, whose closing closes the stream. Where there is none, a stream that is
            closed early counts as `abandoned`.
        raw: Of an answer that is taken raw, and of no other: the HTTP response (httpx's, or one that is like it).
        parse: Of a raw answer of a stream: the method that gives the stream, always the same one.
    """

    iterator: str = "_iterator"
    response: str = "response"
    raw: str = "http_response"
    parse: str = "parse"


def nothing(_: Any) -> None:
    """An exception that carries no answer."""
    return


class Library(NamedTuple):
    """A client library.

    Attributes:
        name: As it is imported, for messages and the logger `llm_obs.<name>`.
        shape: What its answers look like.
        status_of: The HTTP status that an exception of it tells.
        answer_of: The answer that an exception carries, which was paid for; None for none.
    """

    name: str
    shape: Shape = Shape()
    status_of: Callable[[BaseException], int | None] = status_code
    answer_of: Callable[[BaseException], Any] = nothing


class ChunkReader(Protocol):
    """Reads one stream; made anew for each by `Endpoint.stream`. What it raises is counted, and the stream goes on."""

    def chunk(self, chunk: Any) -> None:
        """Looks at one chunk, and counts it on the call's clock."""

    def whole(self) -> bool:
        """Whether nothing more can come: a stream that is left then counts as read to its end."""

    def attributes(self, call: Call, outcome: str) -> dict[str, Any]:
        """What the stream has said, with `llm_obs.completeness` `aborted` where it says nothing of its end."""

    def messages(self) -> str | None:
        """What has come as `gen_ai.output.messages`, JSON text; asked for when content is captured."""


class Endpoint(NamedTuple):
    """One operation of a library.

    Attributes:
        library: Whose it is.
        name: Tells it from the library's others.
        operation: `gen_ai.operation.name`.
        constant: Attributes of every call.
        asked: From the request's body to attributes.
        answered: From the answer to attributes.
        read: From a raw answer's body to the answer as decoded JSON; raises ValueError.
        question: From the request's body to attributes of content, JSON text each.
        answer: From the answer to attributes of content.
        identity: From the request's body to attributes that are used where no `llm_obs.context` sets them, as texts.
        stream: Makes what reads a stream of the endpoint, from a clock and whether content is captured; None where it
            has no streams.
        outcome: From the answer to finish reason and error, where an answer may tell of a failure.
    """

    library: Library
    name: str
    operation: str
    constant: Mapping[str, Any]
    asked: Fields
    answered: Fields
    read: Callable[[bytes], Any]
    question: Callable[[Mapping[str, Any]], dict[str, str]]
    answer: Callable[[Any], dict[str, str]]
    identity: Fields = Fields(())
    stream: Callable[[AnswerClock, bool], ChunkReader] | None = None
    outcome: Callable[[Any], tuple[str | None, str | None]] | None = None
