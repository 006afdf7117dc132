"""A recorder that fails at one step: whatever telemetry does, the user's call must not notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Recorder

__all__ = ["FAULTS", "Fault", "faulty"]

FAULTS: Final = (
    "begin",
    "capture_content",
    "claim",
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
    "start_step",
    "suppressed",
    "tracer",
)
"""Members of a recorder, of the spans and of the clocks that it gives."""

PARTS: Final = {"begin": "span", "clock": "clock", "start_call": "call", "start_step": "call"}
"""What a member of a recorder gives when it is called; a call and a step have a span."""


class Fault(Exception):
    """What a faulty recorder raises."""


def faulty(inner: Recorder, fault: str) -> Recorder:
    """A recorder whose one member raises whenever it is touched.

    Args:
        inner: A recorder that works.
        fault: A name out of `FAULTS`.
    """
    return cast("Recorder", _FaultyRecorder(inner, fault))


class _FaultyRecorder:
    def __init__(self, inner: Any, fault: str) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        if name == self._fault:
            raise Fault(name)
        value = getattr(self._inner, name)
        if (kind := PARTS.get(name)) is not None:
            return lambda *args, **kwargs: _part(value(*args, **_bare(kwargs)), kind, self._fault)
        if name in ("claim", "content", "fail"):
            return lambda *args, **kwargs: value(*(_inner_of(item) for item in args), **kwargs)
        return value


def _part(inner: Any, kind: str, fault: str) -> Any:
    return None if inner is None else _FaultyPart(inner, kind, fault)


def _inner_of(item: Any) -> Any:
    """What the recorder gave; a span stays faulty, so that what the recorder itself does to it fails too."""
    return item._inner if isinstance(item, _FaultyPart) and item._kind == "call" else item


def _bare(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: _inner_of(value) for name, value in kwargs.items()}


class _FaultyPart:
    __slots__ = ("_fault", "_inner", "_kind")

    def __init__(self, inner: Any, kind: str, fault: str) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_fault", fault)

    def __getattr__(self, name: str) -> Any:
        if f"{self._kind}.{name}" == self._fault:
            raise Fault(self._fault)
        value = getattr(self._inner, name)
        return _FaultyPart(value, "span", self._fault) if self._kind == "call" and name == "span" else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)
