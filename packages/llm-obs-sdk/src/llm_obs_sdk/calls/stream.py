"""A streamed answer, watched chunk by chunk while the user reads it.

The user gets the client's own stream; only the iterator inside it is replaced by one that looks at each chunk. A stream
ends once, in one of five ways: read to its end, closed, given up by its task, broken, or dropped.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_obs_core import semconv

from llm_obs_sdk.calls.call import Call
from llm_obs_sdk.calls.closing import hook, unhook
from llm_obs_sdk.handles import CANCELLED, caught

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Recorder
    from opentelemetry.trace import Span

    from llm_obs_sdk.calls.endpoint import Endpoint

__all__ = ["StreamCall", "relay", "relay_async", "watch"]


class StreamCall(Call):
    """The call behind a stream.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call, recording.
        capture: Whether content is recorded.
        endpoint: The endpoint that is called, which has streams.

    Attributes:
        clock: Times the stream; it has started.
        reader: Reads the chunks. It must not hold the call: a stream that nobody holds ends when its call is freed.
    """

    __slots__ = ("clock", "reader", "status", "unhook")

    def __init__(self, recorder: Recorder, span: Span, capture: bool, endpoint: Endpoint) -> None:
        self.ended = True  # until it has begun: what cannot be made ends nothing
        if endpoint.stream is None:
            raise ValueError(f"expected an endpoint with streams, got {endpoint.name}")
        self.clock = recorder.clock()
        self.reader = endpoint.stream(self.clock, capture)
        self.status: int | None = None
        self.unhook: Callable[[], None] | None = None
        super().__init__(recorder, span, capture, endpoint)

    def finish(self, outcome: str, error: BaseException | None = None) -> None:
        """The stream is over. Never raises; only the first of several ends counts."""
        if not self.ended:
            self.quietly("end of a stream", self._finish, outcome, error)

    def _finish(self, outcome: str, error: BaseException | None) -> None:
        found: dict[str, Any] = {}
        try:
            if self.unhook is not None:
                self.unhook()
                self.unhook = None
            if outcome in ("closed", "abandoned") and self.quietly("chunk", self.reader.whole):
                outcome = "completed"
            if error is not None:
                self.quietly("error", self.mark, error)
            self.quietly("clock", self.clock.finish, self.span, outcome)
            if self.capture and (said := self.quietly("content", self.reader.messages)) is not None:
                self.recorder.content(self.span, semconv.OUTPUT_MESSAGES, said)
            found = self.quietly("answer", self.reader.attributes, self, outcome) or {}
            if self.status is not None:
                found[semconv.HTTP_RESPONSE_STATUS_CODE] = self.status
            elif error is not None:
                found.pop(semconv.HTTP_RESPONSE_STATUS_CODE, None)  # what is known of it comes from the exception
        finally:
            self.end(found)

    def __del__(self) -> None:
        self.finish("abandoned")  # nobody holds the stream any more

    def broken(self, error: BaseException) -> None:
        """Reading it has raised. Never raises."""
        if isinstance(error, GeneratorExit):
            self.finish("abandoned")
        elif type(error).__name__ in CANCELLED:
            self.finish("cancelled")
        else:
            self.finish("error", error)


def watch(stream: Any, call: StreamCall) -> Any:
    """Puts the watching iterator into a stream, and gives it back; around a generator, which holds none, comes another.

    Raises:
        AttributeError: The stream has not its library's shape.
    """
    if inspect.isgenerator(stream):
        return relay(stream, call)
    if inspect.isasyncgen(stream):
        return relay_async(stream, call)
    shape = call.endpoint.library.shape
    inner = getattr(stream, shape.iterator)
    if shape.response:
        _notice(getattr(stream, shape.response), inner, call)
    watching = _AsyncWatch(inner, call) if hasattr(inner, "__anext__") else _watch(inner, call)
    setattr(stream, shape.iterator, watching)
    return stream


def _notice(response: Any, inner: Any, call: StreamCall) -> None:
    """Lets the call end when the response is closed before the stream is at its end."""
    call.status = response.status_code
    # Weakly: the generator holds the stream, and a response that the user keeps must not keep a dropped stream open.
    mine, watched = weakref.ref(call), _weakly(inner)

    def closed(_: Any) -> None:
        held, reading = mine(), watched()
        # A stream closes its response itself when it is at its end.
        if held is not None and reading is not None and not _at_work(reading):
            held.finish("closed")

    hook(response, closed)
    call.unhook = lambda: unhook(response)


def _watch(inner: Iterator[Any], call: StreamCall) -> Generator[Any, None, None]:
    look = call.reader.chunk
    try:
        for chunk in inner:
            try:
                look(chunk)
            except Exception as error:  # a chunk of another shape, a clock that fails: the stream goes on
                caught(call.recorder, call.library, "chunk", error)
            yield chunk
    except BaseException as error:
        call.broken(error)
        raise
    call.finish("completed")


class _AsyncWatch:
    __slots__ = ("_call", "_inner", "_look", "_next")

    def __init__(self, inner: AsyncIterator[Any], call: StreamCall) -> None:
        self._inner = inner
        self._next = inner.__anext__
        self._look = call.reader.chunk
        self._call = call

    def __aiter__(self) -> _AsyncWatch:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await self._next()
        except StopAsyncIteration:
            self._call.finish("completed")
            raise
        except BaseException as error:
            self._call.broken(error)
            raise
        try:
            self._look(chunk)
        except Exception as error:
            caught(self._call.recorder, self._call.library, "chunk", error)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def relay(inner: Generator[Any, Any, Any], call: StreamCall) -> Generator[Any, Any, Any]:
    """A generator that does what `inner` does, whatever is sent and thrown into it."""
    step: Callable[[], Any] = partial(next, inner)
    try:
        while True:
            try:
                chunk = step()
            except StopIteration as stop:
                call.finish("completed")
                return stop.value
            call.quietly("chunk", call.reader.chunk, chunk)
            try:
                step = partial(inner.send, (yield chunk))
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as error:
                step = partial(inner.throw, error)
    except BaseException as error:
        call.broken(error)
        raise


async def relay_async(inner: AsyncGenerator[Any, Any], call: StreamCall) -> AsyncGenerator[Any, Any]:
    """As `relay`."""
    step: Callable[[], Any] = inner.__anext__
    try:
        while True:
            try:
                chunk = await step()
            except StopAsyncIteration:
                call.finish("completed")
                return
            call.quietly("chunk", call.reader.chunk, chunk)
            try:
                step = partial(inner.asend, (yield chunk))
            except GeneratorExit:
                await inner.aclose()
                raise
            except BaseException as error:
                step = partial(inner.athrow, error)
    except BaseException as error:
        call.broken(error)
        raise


def _weakly(inner: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(inner)
    except TypeError:  # somebody else's iterator, without the means
        return lambda: inner


def _at_work(inner: Any) -> bool:
    """Whether a generator is between two of its yields, or over."""
    if getattr(inner, "gi_running", False) or getattr(inner, "ag_running", False):
        return True
    return getattr(inner, "gi_frame", inner) is None or getattr(inner, "ag_frame", inner) is None
