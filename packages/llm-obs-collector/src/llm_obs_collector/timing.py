"""Time as stages and workers see it, and how long they wait: tests bring their own clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from llm_obs_core.config import Worker
from llm_obs_core.interfaces import Clock

__all__ = ["Clock", "backoff_s"]

MAX_ASKED_S: Final = 600.0
"""No store can put a write off for longer, whatever it asks for."""


def backoff_s(
    failures: int, settings: Worker, asked_s: float | None, dice: Callable[[], float] = random.random
) -> float:
    """The wait before the next try.

    Args:
        failures: Tries that have failed, from 1.
        settings: First and longest delay.
        asked_s: What the store asked for; honoured up to `MAX_ASKED_S`.
        dice: A number from 0 to 1, so that workers do not come back together.
    """
    if asked_s is not None:
        return min(max(asked_s, 0.0), MAX_ASKED_S) * (1.0 + 0.25 * dice())
    return min(settings.retry_initial_s * 2.0 ** min(failures - 1, 30), settings.retry_max_s) * (0.5 + 0.5 * dice())
