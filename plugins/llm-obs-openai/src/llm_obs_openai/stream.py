"""A streamed answer, watched chunk by chunk while the user reads it.

The user gets the client's own `Stream`; only the iterator inside it is replaced by one that looks at each chunk. A
stream ends once, in one of five ways: read to its end, closed, given up by its task, broken, or dropped.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from llm_obs_core import semconv

from llm_obs_openai import content
from llm_obs_openai.call import CANCELLED, Call, caught, quietly
from llm_obs_openai.closing import hook, unhook
from llm_obs_openai.response import IDENTITY, USAGE, extra, finish_reasons

__all__ = ["StreamCall", "watch"]


class StreamCall(Call):
    """The call behind a stream.

    Args:
        recorder: The SDK's recorder.
        span: The span of the call, recording.
        capture: Whether content is recorded.
        endpoint: The endpoint that is called.
    """

    __slots__ = ("choices", "clock", "first", "reasons", "settled", "status", "unhook", "usage")

    def __init__(self, recorder: Any, span: Any, capture: bool, endpoint: Any) -> None:
        super().__init__(recorder, span, capture, endpoint)
        self.clock = recorder.clock()
        self.first: Any = None
        self.usage: Any = None
        self.reasons: dict[int, str] = {}
        self.choices: dict[int, _Choice] = {}
        self.settled = False  # the clock has seen content: only counts are left to do
        self.status: int | None = None
        self.unhook: Callable[[], None] | None = None

    def chunk(self, chunk: Any) -> None:
        """Looks at one chunk. Never raises."""
        try:
            if self.settled:
                self.clock.chunks += 1
            else:
                self._first_ones(chunk)
            if (usage := getattr(chunk, "usage", None)) is not None:
                self.usage = usage
            for choice in getattr(chunk, "choices", None) or ():
                if choice.finish_reason is not None:
                    self.reasons[choice.index] = choice.finish_reason
                if self.capture:
                    made = self.choices.get(choice.index) or self.choices.setdefault(choice.index, _Choice())
                    made.add(choice.delta)
        except Exception as error:  # a chunk of another shape, a clock that fails: the stream goes on
            caught(self.recorder, "chunk", error)

    def _first_ones(self, chunk: Any) -> None:
        """Until text of the answer has come."""
        if self.first is None:
            self.first = chunk
        made = text = False
        for choice in getattr(chunk, "choices", None) or ():
            delta = choice.delta
            if delta is not None:
                text = text or bool(delta.content or delta.refusal)
                made = made or bool(delta.tool_calls or delta.function_call or extra(delta, "reasoning_content"))
        self.clock.chunk(delta=made or text, content=text)
        self.settled = text

    def finish(self, outcome: str, error: BaseException | None = None) -> None:
        """The stream is over. Never raises; only the first of several ends counts."""
        if not self.ended:
            quietly(self.recorder, "end of a stream", self._finish, outcome, error)

    def _finish(self, outcome: str, error: BaseException | None) -> None:
        try:
            if self.unhook is not None:
                self.unhook()
                self.unhook = None
            if error is not None:
                quietly(self.recorder, "error", self.mark, error)
            quietly(self.recorder, "clock", self.clock.finish, self.span, outcome)
            if self.capture and (said := quietly(self.recorder, "content", self._said)) is not None:
                self.recorder.content(self.span, semconv.OUTPUT_MESSAGES, said)
        finally:
            self.end(quietly(self.recorder, "answer", self._attributes, outcome))

    def _said(self) -> str | None:
        """What has come, as JSON text."""
        if not self.choices:
            return None
        said = [self.choices[index].message(self.reasons.get(index)) for index in sorted(self.choices)]
        return content.encode(said)

    def _attributes(self, outcome: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.first is not None:
            IDENTITY.into(found, self.first)
        if self.reasons:
            found[semconv.RESPONSE_FINISH_REASONS] = finish_reasons(self.reasons[n] for n in sorted(self.reasons))
        elif outcome != "completed":
            found[semconv.COMPLETENESS] = "aborted"
        if self.status is not None:
            found[semconv.HTTP_RESPONSE_STATUS_CODE] = self.status
        USAGE.into(found, {"usage": self.usage})
        return found


class _Choice:
    """One choice's text, reasoning, refusal and tool calls, put together from its deltas."""

    __slots__ = ("calls", "reasoning", "refusal", "text")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.calls: dict[int, list[Any]] = {}

    def add(self, delta: Any) -> None:
        if delta is None:
            return
        if delta.content:
            self.text.append(delta.content)
            if delta.tool_calls is None:
                return
        if text := extra(delta, "reasoning_content"):
            self.reasoning.append(text)
        if delta.refusal:
            self.refusal.append(delta.refusal)
        for call in delta.tool_calls or ():
            made = self.calls.setdefault(call.index, [None, None, ""])
            made[0] = call.id or made[0]
            if call.function is not None:
                made[1] = call.function.name or made[1]
                made[2] += call.function.arguments or ""

    def message(self, reason: str | None) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if self.reasoning:
            parts.append({"type": "reasoning", "content": "".join(self.reasoning)})
        if self.text:
            parts.append({"type": "text", "content": "".join(self.text)})
        if self.refusal:
            parts.append(content.refused("".join(self.refusal)))
        parts += [content.tool_call(*self.calls[index]) for index in sorted(self.calls)]
        return content.output_message(parts, reason)


def watch(stream: Any, call: StreamCall) -> None:
    """Puts the watching iterator into a `Stream` or `AsyncStream`. Raises when the stream has another inside."""
    inner = stream._iterator
    response = stream.response
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
    if hasattr(inner, "__anext__"):
        stream._iterator = _AsyncWatch(inner, call)
        return
    watching = _watch(inner, call)
    next(watching)  # a generator that has not begun would not notice that it is dropped
    stream._iterator = watching


def _watch(inner: Iterator[Any], call: StreamCall) -> Iterator[Any]:
    look = call.chunk
    try:
        yield None
        for chunk in inner:
            look(chunk)
            yield chunk
    except BaseException as error:
        _broken(call, error)
        raise
    call.finish("completed")


class _AsyncWatch:
    __slots__ = ("_call", "_inner", "_next")

    def __init__(self, inner: AsyncIterator[Any], call: StreamCall) -> None:
        self._inner = inner
        self._next = inner.__anext__
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
            _broken(self._call, error)
            raise
        self._call.chunk(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __del__(self) -> None:
        self._call.finish("abandoned")


def _broken(call: StreamCall, error: BaseException) -> None:
    if isinstance(error, GeneratorExit):
        call.finish("abandoned")
    elif type(error).__name__ in CANCELLED:
        call.finish("cancelled")
    else:
        call.finish("error", error)


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
