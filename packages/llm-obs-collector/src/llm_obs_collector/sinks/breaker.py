"""A circuit breaker: a store that keeps failing is left alone for a while, then asked once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

__all__ = ["Breaker", "State"]

State = Literal["closed", "half_open", "open"]


class Breaker:
    """Closed lets writes through; after so many failures in a row it opens; after a while one write decides.

    Args:
        failures: Failures in a row that open it.
        reset_s: How long it stays open before one write may try.
        now: A clock in seconds.
    """

    def __init__(self, failures: int, reset_s: float, now: Callable[[], float]) -> None:
        self._limit = failures
        self._reset_s = reset_s
        self._now = now
        self._opened_at: float | None = None
        self.failures = 0
        """Failures since the last success."""

    @property
    def state(self) -> State:
        """Where it stands now."""
        if self._opened_at is None:
            return "closed"
        return "open" if self.wait_s > 0 else "half_open"

    @property
    def wait_s(self) -> float:
        """How long no write may be tried, seconds; 0 when one may."""
        return 0.0 if self._opened_at is None else max(0.0, self._opened_at + self._reset_s - self._now())

    def succeeded(self) -> None:
        """A write went well, or the store answered that it never will: it is there."""
        self.failures = 0
        self._opened_at = None

    def failed(self) -> None:
        """A write failed; the one of the half-open state opens it anew."""
        self.failures += 1
        if self.failures >= self._limit:
            self._opened_at = self._now()
