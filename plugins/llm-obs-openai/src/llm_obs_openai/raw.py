"""Answers that the user takes raw: `with_raw_response` and `with_streaming_response`.

The user's object is never parsed for us: a body that is there is decoded apart. A body that is read later, of
`with_streaming_response`, is looked at when the response is closed, if the user has read it as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from llm_obs_openai.call import Call, quietly
from llm_obs_openai.closing import unhook

__all__ = ["RawCall", "read_embeddings", "read_object"]


def read_object(body: bytes) -> Any:
    """A raw answer; raises ValueError when it is no JSON object."""
    return msgspec.json.decode(body, type=dict[str, Any])


class _Embeddings(msgspec.Struct):
    model: Any = None
    usage: Any = None


def read_embeddings(body: bytes) -> Any:
    """A raw embeddings response without its vectors; raises ValueError when it is no JSON object."""
    return msgspec.structs.asdict(msgspec.json.decode(body, type=_Embeddings))


class RawCall(Call):
    """The call behind a response whose body is read after the call has returned.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call, recording.
        capture: Whether content is recorded.
        endpoint: The endpoint that is called.
        attributes: From the body to the span's last attributes; None when the user read it piece by piece.
    """

    __slots__ = ("_attributes", "_read_ns")

    def __init__(
        self,
        recorder: Any,
        span: Any,
        capture: bool,
        endpoint: Any,
        attributes: Callable[[bytes | None], dict[str, Any]],
    ) -> None:
        super().__init__(recorder, span, capture, endpoint)
        self._attributes = attributes
        self._read_ns: int | None = None

    def closed(self, response: Any) -> None:
        """The response was closed: by itself at the end of its body, or by the user. Never raises."""
        quietly(self.recorder, "raw answer", self._closed, response)

    def _closed(self, response: Any) -> None:
        if self.ended:
            return
        body = vars(response).get("_content")
        first = self._read_ns is None
        if first:
            self._read_ns = time.time_ns()
        # `read` closes the response before it keeps the body: the next close will see it.
        if body is None and first and response.is_stream_consumed:
            return
        unhook(response)
        self.done(body)

    def done(self, body: bytes | None) -> None:
        """Ends the call with what the body says."""
        try:
            found = self._attributes(body)
        except ValueError:  # a body of another shape
            found = self._attributes(None)
        self.end(found, at_ns=self._read_ns)

    def __del__(self) -> None:
        if not self.ended:
            quietly(self.recorder, "raw answer", self.done, None)
