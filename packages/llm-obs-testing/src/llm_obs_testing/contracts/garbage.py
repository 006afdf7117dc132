"""Garbage that is really gone."""

from __future__ import annotations

import gc
import time
import weakref
from typing import Final

__all__ = ["collect"]

WITHIN_S: Final = 10.0


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


def collect() -> None:
    """Collects what is in reference cycles now.

    `gc.collect` does nothing while another thread is collecting, and says so to nobody: a cycle of our own tells.
    """
    gone = weakref.ref(_Cycle())
    until = time.monotonic() + WITHIN_S
    while gone() is not None and time.monotonic() < until:
        gc.collect()
        time.sleep(0)
