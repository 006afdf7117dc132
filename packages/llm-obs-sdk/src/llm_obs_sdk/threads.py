"""The current span and `context` in other threads: one function at a time, or everywhere while a client is there.

What goes along is the OpenTelemetry context alone; other context variables of the application stay where they are.
Tasks and `asyncio.to_thread` carry it by themselves.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from opentelemetry import context as otel

from llm_obs_sdk.attribution import detach

__all__ = ["PLACES", "Carrier", "carry", "started_apart"]

P = ParamSpec("P")
T = TypeVar("T")

PLACES = ("pools", "threads")
"""Values of the option `carry_context`."""


def carry(function: Callable[P, T]) -> Callable[P, T]:
    """The function, run with the span and `context` that are current now, whichever thread runs it and when.

    For pools and threads of any kind: ``pool.submit(llm_obs.carry(search), query)``. A coroutine function is returned
    as it is: a task carries its context by itself.
    """
    plain: Any = function
    if inspect.iscoroutinefunction(plain):
        return function
    return functools.update_wrapper(_Carried(plain, otel.get_current()), plain)


class _Carried:
    def __init__(self, function: Callable[..., Any], context: otel.Context) -> None:
        self._function = function
        self._context = context

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = otel.attach(self._context)
        try:
            return self._function(*args, **kwargs)
        finally:
            detach(token)


class Carrier:
    """Makes pools and threads carry the context, until it is removed.

    Args:
        places: Out of `PLACES`.
    """

    def __init__(self, places: Collection[str]) -> None:
        self._places = frozenset(places)
        self._active = False
        self._originals: list[tuple[type, str, Any, Any]] = []

    def install(self) -> None:
        """Wraps `ThreadPoolExecutor.submit` and `Thread.start`, as far as they are wanted."""
        self._active = True
        if "pools" in self._places:
            self._wrap(ThreadPoolExecutor, "submit", self._submit)
        if "threads" in self._places:
            self._wrap(threading.Thread, "start", self._start)

    def remove(self) -> None:
        """Restores the originals. A wrapper that somebody has put over ours stays, and passes calls through us."""
        self._active = False
        for owner, name, original, wrapper in self._originals:
            if vars(owner)[name] is wrapper:
                setattr(owner, name, original)
        self._originals.clear()

    def _wrap(self, owner: type, name: str, make: Callable[[Any], Any]) -> None:
        original = vars(owner)[name]
        wrapper = functools.wraps(original)(make(original))
        setattr(owner, name, wrapper)
        self._originals.append((owner, name, original, wrapper))

    def _submit(self, original: Any) -> Any:
        def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            context = otel.get_current()
            if not (carrier._active and context):
                return original(self, fn, *args, **kwargs)
            # A worker outlives the call that it is started for: it begins without a context.
            token = otel.attach(otel.Context())
            try:
                return original(self, _Carried(fn, context), *args, **kwargs)
            finally:
                detach(token)

        carrier = self
        return submit

    def _start(self, original: Any) -> Any:
        def start(self: threading.Thread) -> None:
            context = otel.get_current()
            if not (carrier._active and context) or "run" in vars(self):
                original(self)
                return
            run = self.run

            def carried() -> None:
                vars(self).pop("run", None)  # it refers to the thread, and is needed once
                token = otel.attach(context)
                try:
                    run()
                finally:
                    detach(token)

            self.run = carried  # type: ignore[method-assign]
            try:
                original(self)
            except BaseException:
                vars(self).pop("run", None)
                raise

        carrier = self
        return start


def started_apart(thread: threading.Thread) -> None:
    """Starts a thread that belongs to no call, and so carries no context."""
    token = otel.attach(otel.Context())
    try:
        thread.start()
    finally:
        detach(token)
