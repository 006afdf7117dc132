"""Garbage that is really gone."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["collect", "only_new"]

WITHIN_S: Final = 10.0


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


@contextmanager
def only_new() -> Iterator[None]:
    """Inside, collections look only at what is made inside: milliseconds where many modules are loaded."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def collect() -> None:
    """Collects what is in reference cycles now.

    `gc.collect` does nothing while another thread is collecting, and says so to nobody: a cycle of our own tells.
    """
    gone = weakref.ref(_Cycle())
    until = time.monotonic() + WITHIN_S
    while gone() is not None and time.monotonic() < until:
        gc.collect()
        time.sleep(0)
