"""In the application: instrumentors and head samplers, which the SDK loads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

__all__ = ["HeadSampler", "Instrumentor", "SamplingDecision"]


class Instrumentor(Protocol):
    """A span producer inside the application: wraps a library's calls.

    `instrument` and `uninstrument` may each be called twice. After `uninstrument` every wrapped attribute *is* the
    original again. Nothing raises into the user's call, and the object that the call returns is the library's own.
    """

    def instrument(self, recorder: Any) -> None:
        """Wraps. `recorder` is `llm_obs_sdk.Recorder`. Symbols that are missing are skipped with one warning each."""

    def uninstrument(self) -> None:
        """Restores the originals."""

    def wrapped(self) -> Mapping[str, bool]:
        """Symbol to whether it is wrapped, for `llm-obs plugins`."""


class SamplingDecision(NamedTuple):
    """A head sampler's word: record or not, and the 56-bit rejection threshold that it used."""

    sampled: bool
    threshold: int
    kept_by: str = ""


class HeadSampler(Protocol):
    """Decides at the start of a local root whether its trace is recorded."""

    def decide(
        self, trace_id: int, parent_sampled: bool | None, name: str, attributes: Mapping[str, Any] | None
    ) -> SamplingDecision:
        """Consistent by trace id: two services with the same rate decide the same (W3C tracestate `ot=th`)."""
