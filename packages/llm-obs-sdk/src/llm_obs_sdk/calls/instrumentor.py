"""Putting wrappers on a library's functions, and taking them off again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_obs_sdk.calls.wrappers import CallStarter, Wrapper, wrapper_of
from llm_obs_sdk.handles import caught

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Recorder

__all__ = ["CallInstrumentor", "Place"]


class Place(NamedTuple):
    """A function that is wrapped.

    Attributes:
        module: Where it is.
        owner: The class that has it; empty for a function of the module.
        name: Its name.
        wrapper: Its wrapper; None takes the one for what it is.
    """

    module: str
    owner: str
    name: str
    wrapper: Wrapper | None = None

    @property
    def symbol(self) -> str:
        """How `wrapped` names it."""
        return ".".join(part for part in self if isinstance(part, str) and part)


class CallInstrumentor:
    """An `Instrumentor` of a library's calls.

    The library is not imported for it: what the application has not imported yet is wrapped as soon as it does.

    Args:
        starter: Begins the calls.
        places: What is wrapped: the narrowest functions that all calls go through, looked up at each call.
    """

    def __init__(self, starter: CallStarter, places: Sequence[Place]) -> None:
        self._starter = starter
        self._places = tuple(places)
        self._hooked: set[str] = set()
        self._originals: dict[Place, tuple[Any, Any, Any]] = {}

    def instrument(self, recorder: Recorder) -> None:
        """Wraps; see the protocol. Again with another recorder: the new one is used from then on."""
        self._starter.recorder = recorder
        for module in dict.fromkeys(place.module for place in self._places):
            if module in sys.modules:
                self._wrap(sys.modules[module])
            elif module not in self._hooked:
                self._hooked.add(module)
                _when_imported(module, self._wrap)

    def uninstrument(self) -> None:
        """Restores the originals. A wrapper that somebody has put over ours stays, and passes calls through us."""
        self._starter.recorder = None
        for place, (owner, original, wrapper) in self._originals.items():
            if vars(owner)[place.name] is wrapper:
                setattr(owner, place.name, original)
        self._originals.clear()

    def wrapped(self) -> Mapping[str, bool]:
        """Symbol to whether it is wrapped; False also as long as the application has not imported it."""
        return {place.symbol: place in self._originals for place in self._places}

    def _wrap(self, module: Any) -> None:
        recorder = self._starter.recorder
        if recorder is None:
            return
        for place in self._places:
            if place.module == module.__name__ and place not in self._originals:
                try:
                    self._wrap_one(module, place)
                except Exception as error:  # a stranger's class that does not let itself be changed
                    caught(recorder, self._starter.library.name, "instrument", error)

    def _wrap_one(self, module: Any, place: Place) -> None:
        owner = getattr(module, place.owner, None) if place.owner else module
        original = vars(owner).get(place.name) if owner is not None else None
        if original is None:
            log = logging.getLogger(f"llm_obs.{self._starter.library.name}")
            log.warning("%s is not there: its calls are not recorded", place.symbol)
            return
        wrapper = (place.wrapper or wrapper_of(original))(self._starter, original)
        setattr(owner, place.name, wrapper)
        self._originals[place] = (owner, original, wrapper)


def _when_imported(module: str, wrap: Callable[[Any], None]) -> None:
    import wrapt  # of the instrumentor's distribution: an application without instrumentors needs none

    wrapt.register_post_import_hook(wrap, module)
