"""In the application: instrumentors, which the SDK loads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Instrumentor"]


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
