"""Nothing of telemetry raises into the user's call: it is logged once a kind, and counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["Guard"]

log = logging.getLogger("llm_obs.sdk")
T = TypeVar("T")


class Guard:
    """Runs telemetry code. `with guard("what"):` swallows exceptions, `guard.call(...)` returns a default instead.

    Attributes:
        errors: Exceptions caught so far (`instrumentation_errors`).
    """

    def __init__(self) -> None:
        self.errors = 0
        self._lock = threading.Lock()
        self._logged: set[tuple[str, type[BaseException]]] = set()

    def __call__(self, what: str) -> _Guarded:
        """A block in which an `Exception` is caught, counted and, the first time of its kind, logged."""
        return _Guarded(self, what)

    def call(self, function: Callable[..., T], *args: Any, default: T | None = None) -> T | None:
        """The function's result, or `default` when it raises."""
        try:
            return function(*args)
        except Exception as error:  # the purpose of this class; counted below
            self.caught(getattr(function, "__qualname__", repr(function)), error)
            return default

    def caught(self, what: str, error: BaseException) -> None:
        """Counts an exception that the caller has caught."""
        with self._lock:
            self.errors += 1
            known = (what, type(error)) in self._logged
            if len(self._logged) < 1000:
                self._logged.add((what, type(error)))
        if not known:
            log.warning("instrumentation of %s failed; the call itself is not affected", what, exc_info=error)


class _Guarded:
    __slots__ = ("_guard", "_what")

    def __init__(self, guard: Guard, what: str) -> None:
        self._guard = guard
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self._guard.caught(self._what, error)
            return True
        return False
