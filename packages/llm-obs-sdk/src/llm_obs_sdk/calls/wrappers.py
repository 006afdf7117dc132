"""What runs around a function of the client: begin a span, let the client do its work, look at what it gave.

A wrapper is what its function is: a function, a coroutine function, a generator function or an asynchronous one, with
its signature. What it returns is the client's own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Final

from llm_obs_core import semconv

from llm_obs_sdk import claims
from llm_obs_sdk.attribution import current_attributes
from llm_obs_sdk.calls.call import Call
from llm_obs_sdk.calls.raw import read_raw
from llm_obs_sdk.calls.stream import StreamCall, watch
from llm_obs_sdk.handles import caught

if TYPE_CHECKING:
    from llm_obs_core.interfaces import CallTemplate, Recorder

    from llm_obs_sdk.calls.endpoint import Endpoint, Library

__all__ = ["CallStarter", "Request", "Wrapper", "asynchronous", "synchronous", "wrapper_of"]

Request = tuple["Endpoint", "CallTemplate", str | None, dict[str, Any], bool]
"""Endpoint, template of its calls on this server, model, body, and whether a stream is asked for."""

MAX_TYPES: Final = 256


class CallStarter:
    """Begins the spans of a library's calls.

    Args:
        library: Whose calls.
        request: From the arguments of the wrapped function, the client first where it is a method, to what is asked;
            None when it is not to be recorded. It may raise: then the call is not recorded, and counted as an error.

    Attributes:
        recorder: The SDK's recorder; None when nothing is to be recorded.
    """

    def __init__(
        self, library: Library, request: Callable[[tuple[Any, ...], Mapping[str, Any]], Request | None]
    ) -> None:
        self.library = library
        self.recorder: Recorder | None = None
        self._request = request
        self._raw_types: dict[type, bool] = {}

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
        """The call's span, begun; None when the request is not recorded. Never raises."""
        recorder = self.recorder
        if recorder is None:
            return None
        span = None
        try:
            request = self._request(args, kwargs)
            if request is None:
                return None
            endpoint, template, model, body, streamed = request
            capture = recorder.capture_content
            span = recorder.begin(template, model, body)
            if span is None or not span.is_recording():
                return None
            found: dict[str, Any] = {}
            endpoint.identity.into(found, body)
            if found:
                _identify(span, found)
            call = (StreamCall if streamed and endpoint.stream else Call)(recorder, span, capture, endpoint)
            if claims.used:
                call.role = claims.inside(endpoint.operation)
            if capture:
                call.quietly("question", lambda: span.set_attributes(endpoint.question(body)))
            return call
        except Exception as error:  # the call goes on unrecorded
            caught(recorder, self.library.name, "begin", error)
            if span is not None:
                try:
                    span.end()
                except Exception as again:
                    caught(recorder, self.library.name, "begin", again)
            return None

    def answered(self, call: Call | None, answer: Any) -> Any:
        """The client has returned: what the user gets. Never raises."""
        if call is None:
            return answer
        try:
            if isinstance(call, StreamCall):
                return watch(answer, call)
            raw = self._raw_types.get(type(answer))
            if raw or (raw is None and self._is_raw(answer)):
                read_raw(call, getattr(answer, self.library.shape.raw))
            else:
                call.answered(answer)
        except Exception as error:
            caught(call.recorder, call.library, "answer", error)
            call.end({semconv.USAGE_BASIS: "partial"})
        return answer

    def _is_raw(self, answer: Any) -> bool:
        raw = self.library.shape.raw in getattr(answer, "__dict__", ())
        if len(self._raw_types) < MAX_TYPES:
            self._raw_types[type(answer)] = raw
        return raw

    def streamed(self, call: Call, answer: Any) -> Any:
        """The stream of a raw answer, which the user will get from it too; a stream itself. Never raises."""
        if hasattr(answer, self.library.shape.raw):
            return call.quietly("raw stream", getattr(answer, self.library.shape.parse))
        return answer

    def failed(self, call: Call, error: BaseException) -> None:
        """The client has raised. Never raises. An exception may carry the answer that was paid for."""
        call.quietly("answer", self._paid_for, call, error)
        call.raised(error)

    def _paid_for(self, call: Call, error: BaseException) -> None:
        if (answer := self.library.answer_of(error)) is not None:
            call.span.set_attributes(call.last(answer))


def _identify(span: Any, found: Mapping[str, Any]) -> None:
    """Who the request says that it is for, unless the application's context says so."""
    said = dict(current_attributes())
    for key, value in found.items():
        if key not in said:
            span.set_attribute(key, value)


Wrapper = Callable[[CallStarter, Callable[..., Any]], Callable[..., Any]]


def synchronous(starter: CallStarter, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a function that returns an answer or a stream."""
    begin, answered = starter.begin, starter.answered

    @functools.wraps(original)
    def request(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        if call is None:
            return original(*args, **kwargs)
        try:
            answer = original(*args, **kwargs)
        except BaseException as error:
            starter.failed(call, error)
            raise
        if type(call) is Call:
            answered(call, answer)
            return answer
        stream = starter.streamed(call, answer)
        watched = answered(call, stream)
        return watched if stream is answer else answer

    return request


def asynchronous(starter: CallStarter, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a coroutine function that returns an answer or a stream."""
    begin, answered = starter.begin, starter.answered

    @functools.wraps(original)
    async def request(*args: Any, **kwargs: Any) -> Any:
        call = begin(args, kwargs)
        if call is None:
            return await original(*args, **kwargs)
        try:
            answer = await original(*args, **kwargs)
        except BaseException as error:
            starter.failed(call, error)
            raise
        if type(call) is Call:
            answered(call, answer)
            return answer
        stream = starter.streamed(call, answer)
        if stream is not answer and inspect.isawaitable(stream):  # it waits for nothing: made without reading
            stream = await _awaited(call, stream)
        watched = answered(call, stream)
        return watched if stream is answer else answer

    return request


def generating(starter: CallStarter, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of a generator function: the call begins with its first step."""

    @functools.wraps(original)
    def request(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = starter.begin(args, kwargs)
        return (yield from starter.answered(call, original(*args, **kwargs)))

    return request


def generating_async(starter: CallStarter, original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of an asynchronous generator function: the call begins with its first step."""

    @functools.wraps(original)
    async def request(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = starter.begin(args, kwargs)
        steps = starter.answered(call, original(*args, **kwargs))
        step: Callable[[], Any] = steps.__anext__
        while True:
            try:
                value = await step()
            except StopAsyncIteration:
                return
            try:
                step = functools.partial(steps.asend, (yield value))
            except GeneratorExit:
                await steps.aclose()
                raise
            except BaseException as error:
                step = functools.partial(steps.athrow, error)

    return request


def wrapper_of(function: Callable[..., Any]) -> Wrapper:
    """The wrapper that keeps what a function is."""
    if inspect.isasyncgenfunction(function):
        return generating_async
    if inspect.isgeneratorfunction(function):
        return generating
    return asynchronous if inspect.iscoroutinefunction(function) else synchronous


async def _awaited(call: Call, stream: Any) -> Any:
    try:
        return await stream
    except Exception as error:
        caught(call.recorder, call.library, "raw stream", error)
        return None
