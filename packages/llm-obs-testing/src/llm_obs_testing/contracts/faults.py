"""A recorder that fails at one step: whatever telemetry does, the user's call must not notice."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["FAULTS", "Fault", "FaultyRecorder"]

FAULTS: Final = (
    "begin",
    "capture_content",
    "clock",
    "clock.chunk",
    "clock.finish",
    "content",
    "fail",
    "guard",
    "span.add_event",
    "span.end",
    "span.is_recording",
    "span.record_exception",
    "span.set_attribute",
    "span.set_attributes",
    "span.set_status",
    "start_call",
    "suppressed",
    "tracer",
)
"""Members of a recorder, of the spans and of the clocks that it gives."""


class Fault(Exception):
    """What a `FaultyRecorder` raises."""


class FaultyRecorder:
    """A recorder whose one member raises whenever it is touched.

    Args:
        inner: A recorder that works.
        fault: A name out of `FAULTS`.
    """

    def __init__(self, inner: Any, fault: str) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        if name == self._fault:
            raise Fault(name)
        value = getattr(self._inner, name)
        if name in ("begin", "start_call", "clock"):
            kind = "clock" if name == "clock" else "span"
            return lambda *args, **kwargs: _FaultyPart(value(*args, **kwargs), kind, self._fault)
        return value


class _FaultyPart:
    __slots__ = ("_fault", "_inner", "_kind")

    def __init__(self, inner: Any, kind: str, fault: str) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_fault", fault)

    def __getattr__(self, name: str) -> Any:
        if f"{self._kind}.{name}" == self._fault:
            raise Fault(self._fault)
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)
