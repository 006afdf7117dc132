"""How much Python runs, and how many objects it makes."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable

__all__ = ["python_work"]


def python_work(call: Callable[[], object]) -> tuple[int, int]:
    """What one call takes of Python.

    Returns:
        Python functions and C functions called from Python; blocks of Python's allocator that the result holds.
    """
    counts: Counter[str] = Counter()
    call()
    sys.setprofile(lambda frame, event, arg: counts.update((event,)))
    try:
        call()
    finally:
        sys.setprofile(None)
    gc.collect()
    gc.disable()
    try:
        before = sys.getallocatedblocks()
        kept = call()
        held = sys.getallocatedblocks() - before
        del kept
    finally:
        gc.enable()
    return counts["call"] + counts["c_call"], held
