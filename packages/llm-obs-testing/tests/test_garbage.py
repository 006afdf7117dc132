"""Garbage is gone although another thread is collecting."""

from __future__ import annotations

import gc
import threading
import weakref

from llm_obs_testing.contracts.garbage import collect


class Cycle:
    def __init__(self) -> None:
        self.itself = self


class Slow(Cycle):
    """Holds up the collection that finds it."""

    def __init__(self, begun: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.begun, self.go_on = begun, go_on

    def __del__(self) -> None:
        self.begun.set()
        self.go_on.wait(10)


def test_it_waits_for_a_collection_of_another_thread() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def other() -> None:
        Slow(begun, go_on)
        gc.collect()

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(10)
    gone = weakref.ref(Cycle())
    gc.collect()
    assert gone() is not None, "this interpreter collects in two threads at once: collect() is not needed"
    threading.Timer(0.05, go_on.set).start()
    collect()
    assert gone() is None
    thread.join()
