"""Loading instrumentors through the plugin manager and keeping their failures away from the application."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llm_obs_sdk.recorder import Recorder

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Instrumentor
    from llm_obs_core.plugins import Plugins

__all__ = ["Instrumentors"]

log = logging.getLogger("llm_obs.sdk")


class Instrumentors:
    """The instrumentors of one client.

    Args:
        recorder: Handed to each.
        names: `auto`, or names of instrumentors.
        plugins: Loaded plugins; None loads the installed ones when there is something to instrument.
        options: Options of each by name.
    """

    def __init__(
        self,
        recorder: Recorder,
        names: Sequence[str],
        plugins: Plugins | None,
        options: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._recorder = recorder
        self._names = tuple(names)
        self._plugins = plugins
        self._options = options
        self._active: dict[str, Instrumentor] = {}

    def instrument(self) -> None:
        """Makes and starts each; one that fails is reported and skipped. Never raises."""
        if not self._names:
            return
        import importlib.util  # with the plugin manager: nothing that an application without instrumentors needs

        from llm_obs_core.components import component
        from llm_obs_core.host import Hosts
        from llm_obs_core.roles import INSTRUMENTOR, Chosen

        try:
            found = self._plugins
            if found is None:
                from llm_obs_core import plugins

                found = plugins.load()
        except Exception as error:  # a broken installation must not stop the application
            self._recorder.guard.caught("loading plugins", error)
            return
        for plugin in found.loaded:
            if plugin.error:
                log.warning("plugin %s could not be loaded: %s", plugin.name, plugin.error)
        auto = "auto" in self._names
        wanted = [name for name in found.names("instrumentor") if auto or name in self._names]
        for name in self._names:
            if name != "auto" and name not in wanted:
                log.warning(
                    "expected an instrumentor out of: %s; got %r. Install the plugin that offers it.",
                    ", ".join(found.names("instrumentor")) or "none installed",
                    name,
                )
        for name in wanted:
            try:
                if auto and name not in self._names and importlib.util.find_spec(name) is None:
                    continue  # the library that it instruments is not installed
                where = f"init(instrument_options=).{name}"
                chosen = Chosen(name, name, "init(instrument=)", self._options.get(name, {}), where)
                instrumentor = component(INSTRUMENTOR, found, chosen).make(Hosts())
                instrumentor.instrument(self._recorder)
                self._active[name] = instrumentor
            except Exception as error:  # a stranger's code: counted and logged
                self._recorder.guard.caught(f"{name} (instrument)", error)

    def uninstrument(self) -> None:
        """Takes every wrapper off. Never raises."""
        while self._active:
            name, instrumentor = self._active.popitem()
            with self._recorder.guard(f"{name} (uninstrument)"):
                instrumentor.uninstrument()

    def wrapped(self) -> dict[str, dict[str, bool]]:
        """By instrumentor: each symbol and whether it is wrapped."""
        return {name: dict(instrumentor.wrapped()) for name, instrumentor in self._active.items()}
