"""Wraps the client's one way out, and takes the wrappers off again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

import wrapt
from llm_obs_core.interfaces import Host

from llm_obs_openai.call import quietly
from llm_obs_openai.config import OpenAIOptions
from llm_obs_openai.provider import Providers
from llm_obs_openai.wrappers import Beginner, asynchronous, synchronous

__all__ = ["OpenAIInstrumentor", "make"]

log = logging.getLogger("llm_obs.openai")

MODULE: Final = "openai._base_client"
WRAPPERS: Final = {"SyncAPIClient": synchronous, "AsyncAPIClient": asynchronous}
"""Classes whose `request` every method of every client goes through: `create`, `parse`, `stream`, raw and beta ones.

It is looked up at each call, so clients and bound methods that are older than the instrumentation are covered.
"""
METHOD: Final = "request"


def make(options: OpenAIOptions, host: Host) -> OpenAIInstrumentor:
    """The factory of the instrumentor `openai`."""
    return OpenAIInstrumentor(options)


class OpenAIInstrumentor:
    """An `Instrumentor` of chat completions, responses and embeddings.

    The client is not imported for it: when the application has not done so yet, it is wrapped as soon as it does.

    Args:
        options: Providers of hosts.
    """

    def __init__(self, options: OpenAIOptions = OpenAIOptions()) -> None:  # noqa: B008  # frozen
        self._beginner = Beginner(Providers(options.providers))
        self._hooked = False
        self._originals: dict[str, tuple[type, Any, Any]] = {}

    def instrument(self, recorder: Any) -> None:
        """Wraps; see the protocol. Again with another recorder: the new one is used from then on."""
        self._beginner.recorder = recorder
        if MODULE in sys.modules:
            self._wrap(sys.modules[MODULE])
        elif not self._hooked:
            self._hooked = True
            wrapt.register_post_import_hook(self._wrap, MODULE)

    def uninstrument(self) -> None:
        """Restores the originals. A wrapper that somebody has put over ours stays, and passes calls through us."""
        self._beginner.recorder = None
        for owner, original, wrapper in self._originals.values():
            if vars(owner)[METHOD] is wrapper:
                setattr(owner, METHOD, original)
        self._originals.clear()

    def wrapped(self) -> Mapping[str, bool]:
        """Symbol to whether it is wrapped; False also as long as the application has not imported it."""
        return {f"{MODULE}.{owner}.{METHOD}": owner in self._originals for owner in WRAPPERS}

    def _wrap(self, module: Any) -> None:
        if self._beginner.recorder is not None:
            for owner in WRAPPERS:
                if owner not in self._originals:
                    quietly(self._beginner.recorder, "instrument", self._wrap_one, module, owner)

    def _wrap_one(self, module: Any, name: str) -> None:
        owner = getattr(module, name, None)
        original = vars(owner).get(METHOD) if isinstance(owner, type) else None
        if not isinstance(owner, type) or original is None:
            log.warning("%s.%s.%s is not there: its calls are not recorded", MODULE, name, METHOD)
            return
        wrapper = WRAPPERS[name](self._beginner, original)
        setattr(owner, METHOD, wrapper)
        self._originals[name] = (owner, original, wrapper)
