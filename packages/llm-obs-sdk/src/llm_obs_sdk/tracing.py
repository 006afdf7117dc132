"""Spans of the application's own code: `span` for a block, `observe` for a function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Token
from typing import Any, TypeVar, overload

from opentelemetry import context as otel
from opentelemetry import trace as api

from llm_obs_sdk.attribution import detach
from llm_obs_sdk.client import current

__all__ = ["observe", "span"]

F = TypeVar("F", bound=Callable[..., Any])


def _start(name: str, attributes: dict[str, Any]) -> api.Span:
    client = current()
    if client is None:
        return api.INVALID_SPAN
    try:
        return client.tracer.start_span(name, attributes=attributes or None)  # type: ignore[no-any-return]
    except Exception as error:  # telemetry never raises into the user's call
        client.guard.caught("span", error)
        return api.INVALID_SPAN


def _finish(span: api.Span, error: BaseException | None) -> None:
    client = current()
    try:
        if isinstance(error, Exception) and span.is_recording():
            span.record_exception(error)
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(api.StatusCode.ERROR, f"{type(error).__name__}: {error}")
        span.end()
    except Exception as failure:  # an exception whose text raises, a foreign processor
        if client is not None:
            client.guard.caught("span", failure)


class span:  # noqa: N801 - reads as a statement: `with llm_obs.span("plan"):`
    """A span around a block, current inside it. An exception marks it as failed and goes on.

    Before `init` it does nothing. Usable with `with` and `async with`.

    Args:
        name: The span's name.
        **attributes: Its first attributes; `_` stays `_`. Use `set_attribute` on the span for dotted names.
    """

    def __init__(self, name: str, **attributes: Any) -> None:
        self._name = name
        self._attributes = attributes
        self._open: list[tuple[api.Span, Token[otel.Context] | None]] = []

    def __enter__(self) -> api.Span:
        made = _start(self._name, self._attributes)
        token = None if made is api.INVALID_SPAN else otel.attach(api.set_span_in_context(made))
        self._open.append((made, token))
        return made

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        made, token = self._open.pop()
        if token is not None:
            detach(token)
        _finish(made, error)

    async def __aenter__(self) -> api.Span:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.__exit__(kind, error, trace)


@overload
def observe(function: F, /) -> F: ...
@overload
def observe(name: str | None = None, **attributes: Any) -> Callable[[F], F]: ...
def observe(name: Any = None, **attributes: Any) -> Any:
    """A decorator that records each call of a function as a span.

    Functions, coroutines, generators and async generators. A generator's span lasts from the first step to its end,
    however it ends; it is current only while the generator runs, never across a `yield`.

    Args:
        name: The span's name; the function's qualified name when it is left out.
        **attributes: Attributes of every span.
    """
    if callable(name):
        return _observe(name, name.__qualname__, {})
    return lambda function: _observe(function, name or function.__qualname__, attributes)


def _observe(function: Callable[..., Any], name: str, attributes: dict[str, Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        @functools.wraps(function)
        def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            return _async_steps(function(*args, **kwargs), name, attributes)

        return async_generator
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            return _steps(function(*args, **kwargs), name, attributes)

        return generator
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with span(name, **attributes):
                return await function(*args, **kwargs)

        return coroutine

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with span(name, **attributes):
            return function(*args, **kwargs)

    return plain


def _inside(made: api.Span) -> Token[otel.Context]:
    return otel.attach(api.set_span_in_context(made))


def _steps(inner: Generator[Any, Any, Any], name: str, attributes: dict[str, Any]) -> Generator[Any, Any, Any]:
    made = _start(name, attributes)
    failure: BaseException | None = None
    step: Callable[[], Any] = lambda: next(inner)  # noqa: E731 - replaced below, one step each
    try:
        while True:
            token = _inside(made)
            try:
                value = step()
            except StopIteration as stop:
                return stop.value
            finally:
                detach(token)
            try:
                sent = yield value
                step = functools.partial(inner.send, sent)
            except GeneratorExit:
                token = _inside(made)
                try:
                    inner.close()
                finally:
                    detach(token)
                raise
            except BaseException as error:
                step = functools.partial(inner.throw, error)
    except BaseException as error:
        failure = error
        raise
    finally:
        _finish(made, failure)


async def _async_steps(
    inner: AsyncGenerator[Any, Any], name: str, attributes: dict[str, Any]
) -> AsyncGenerator[Any, Any]:
    made = _start(name, attributes)
    failure: BaseException | None = None
    step: Callable[[], Any] = inner.__anext__
    try:
        while True:
            token = _inside(made)
            try:
                value = await step()
            except StopAsyncIteration:
                return
            finally:
                detach(token)
            try:
                sent = yield value
                step = functools.partial(inner.asend, sent)
            except GeneratorExit:
                token = _inside(made)
                try:
                    await inner.aclose()
                finally:
                    detach(token)
                raise
            except BaseException as error:
                step = functools.partial(inner.athrow, error)
    except BaseException as error:
        failure = error
        raise
    finally:
        _finish(made, failure)
