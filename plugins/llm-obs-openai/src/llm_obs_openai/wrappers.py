"""What runs around a request of the client: begin a span, let the client do its work, look at what it gave."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from llm_obs_core import semconv
from llm_obs_sdk.attribution import current_attributes

from llm_obs_openai.call import Call, caught, quietly
from llm_obs_openai.closing import hook
from llm_obs_openai.endpoint import ENDPOINTS
from llm_obs_openai.provider import Providers
from llm_obs_openai.raw import RawCall
from llm_obs_openai.response import OK, PARTIAL, fields
from llm_obs_openai.stream import StreamCall, watch

__all__ = ["Beginner", "asynchronous", "synchronous"]

RAW: Final = "http_response"
"""What a raw answer has, and no other."""

MAX_TYPES: Final = 256
_raw_types: dict[type, bool] = {}


class Beginner:
    """Begins the spans of calls.

    Args:
        providers: Finds a client's server.

    Attributes:
        recorder: The SDK's recorder; None when nothing is to be recorded.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self.recorder: Any = None

    def begin(self, client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call | None:
        """The call's span, begun; None when the request is not recorded. Never raises."""
        recorder = self.recorder
        if recorder is None:
            return None
        span = None
        try:
            options = args[1] if len(args) > 1 else kwargs["options"]
            endpoint = ENDPOINTS.get(options.url)
            if endpoint is None:
                return None
            body = options.json_data
            if type(body) is not dict:
                return None
            if more := options.extra_json:  # `extra_body`, which goes over the body
                body = {**body, **more}
            capture = recorder.capture_content
            span = recorder.begin(self._providers.template(client, endpoint), body.get("model"), body)
            if span is None or not span.is_recording():
                return None
            for name, key in endpoint.identity:
                if value := body.get(name):
                    _identify(span, key, value)
            call = (endpoint.stream if kwargs.get("stream") else Call)(recorder, span, capture, endpoint)
            if capture:
                quietly(recorder, "question", lambda: span.set_attributes(endpoint.question(body)))
            return call
        except Exception as error:  # the call goes on unrecorded
            caught(recorder, "begin", error)
            if span is not None:
                quietly(recorder, "begin", span.end)
            return None


def _identify(span: Any, key: str, value: Any) -> None:
    """Who the request says that it is for, unless the application's context says so."""
    if isinstance(value, dict):  # `conversation` is an id, or an object with one
        value = value.get("id")
    if isinstance(value, str) and key not in dict(current_attributes()):
        span.set_attribute(key, value)


def synchronous(beginner: Beginner, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of `SyncAPIClient.request`."""
    begin = beginner.begin

    @functools.wraps(original)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(self, args, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        try:
            answer = original(self, *args, **kwargs)
        except BaseException as error:
            _raised(call, error)
            raise
        _answered(call, answer if type(call) is Call else _stream_in(call, answer))
        return answer

    return request


def asynchronous(beginner: Beginner, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of `AsyncAPIClient.request`."""
    begin = beginner.begin

    @functools.wraps(original)
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(self, args, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        try:
            answer = await original(self, *args, **kwargs)
        except BaseException as error:
            _raised(call, error)
            raise
        found = answer
        if type(call) is not Call:
            found = _stream_in(call, answer)
            if inspect.isawaitable(found):  # it waits for nothing: a stream is made without reading
                found = await _awaited(call, found)
        _answered(call, found)
        return answer

    return request


def _stream_in(call: Call, answer: Any) -> Any:
    """The stream of a raw answer, which the user will get from `parse` too; a stream itself."""
    if hasattr(answer, RAW):
        return quietly(call.recorder, "raw stream", answer.parse)
    return answer


async def _awaited(call: Call, stream: Any) -> Any:
    try:
        return await stream
    except Exception as error:
        caught(call.recorder, "raw stream", error)
        return None


def _answered(call: Call, answer: Any) -> None:
    """The client has returned. Never raises."""
    try:
        if isinstance(call, StreamCall):
            watch(answer, call)
        elif _is_raw(answer):
            _read(call, answer.http_response)
        else:
            call.answered(answer)
    except Exception as error:
        caught(call.recorder, "answer", error)
        quietly(call.recorder, "end", call.end, {semconv.USAGE_BASIS: PARTIAL})


def _is_raw(answer: Any) -> bool:
    known = _raw_types.get(type(answer))
    if known is None:
        known = RAW in fields(answer)
        if len(_raw_types) < MAX_TYPES:
            _raw_types[type(answer)] = known
    return known


def _raised(call: Call, error: BaseException) -> None:
    """The client has raised. Never raises itself. `parse` raises with the completion that was paid for."""
    quietly(call.recorder, "answer", _paid_for, call, error)
    call.raised(error)


def _paid_for(call: Call, error: BaseException) -> None:
    if (completion := getattr(error, "completion", None)) is not None:
        call.span.set_attributes(_last(call, completion))


def _read(call: Call, response: Any) -> None:
    """A raw answer: its body is here, or will be when the user has read it."""

    def attributes(body: bytes | None) -> dict[str, Any]:
        if body is None:
            return {semconv.USAGE_BASIS: PARTIAL, semconv.HTTP_RESPONSE_STATUS_CODE: OK}
        return _last(call, call.endpoint.read(body))

    later = RawCall(call.recorder, call.span, call.capture, call.endpoint, attributes)
    if "_content" in vars(response):
        later.done(response.content)
    else:
        hook(response, later.closed)


def _last(call: Call, answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    call.endpoint.answered.into(found, answer)
    call.concluded(answer)
    if call.capture:
        found.update(call.endpoint.answer(answer))
    return found
