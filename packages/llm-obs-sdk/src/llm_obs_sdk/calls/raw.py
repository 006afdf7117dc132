"""Answers that the user takes raw, as the HTTP response that came.

The user's object is never parsed for us: a body that is there is decoded apart. A body that is read later is looked at
when the response is closed, if the user has read it as a whole.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from llm_obs_core import semconv

from llm_obs_sdk.calls.call import Call
from llm_obs_sdk.calls.closing import hook, unhook

__all__ = ["RawCall", "read_object", "read_raw"]


def read_object(body: bytes) -> Any:
    """A raw answer; raises ValueError when it is no JSON object."""
    return msgspec.json.decode(body, type=dict[str, Any])


def read_raw(call: Call, response: Any) -> None:
    """Ends a call with a raw answer: its body is here, or will be when the user has read it. May raise."""
    later = RawCall(call, response.status_code)
    if "_content" in vars(response):
        later.done(response.content)
    else:
        hook(response, later.closed)


class RawCall(Call):
    """The call behind a response whose body is read after the call has returned.

    Args:
        call: The call that has returned.
        status: The HTTP status of the answer.
    """

    __slots__ = ("_read_ns", "_status")

    def __init__(self, call: Call, status: int) -> None:
        super().__init__(call.recorder, call.span, call.capture, call.endpoint)
        self.role = call.role
        self._status = status
        self._read_ns: int | None = None

    def closed(self, response: Any) -> None:
        """The response was closed: by itself at the end of its body, or by the user. Never raises."""
        self.quietly("raw answer", self._closed, response)

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
        """Ends the call with what the body says; None when the user read it piece by piece, or not at all."""
        found: dict[str, Any] | None = None
        if body is not None:
            try:
                found = self.last(self.endpoint.read(body))
            except ValueError:  # a body of another shape
                found = None
        if found is None:
            found = {semconv.USAGE_BASIS: "partial", semconv.HTTP_RESPONSE_STATUS_CODE: self._status}
        self.end(found, at_ns=self._read_ns)

    def __del__(self) -> None:
        if not self.ended:
            self.quietly("raw answer", self.done, None)
