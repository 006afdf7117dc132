"""Finding plugins and making their components, without importing what is not used.

`load()` imports each plugin's small entry module and collects its registrations; a plugin that raises is reported by
name and cause and never takes the host down. A component's own module is imported when it is made.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
import pluggy

from llm_obs_core import hookspecs
from llm_obs_core.config.wrong import Wrong, find
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.interfaces.host import Host
from llm_obs_core.roles import ROLES

__all__ = ["GROUP", "LoadedPlugin", "NoOptions", "Plugins", "Register", "Registration", "load"]

GROUP: Final = "llm_obs"
"""The entry-point group of plugins."""


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a component that has none."""


class Register(Protocol):
    """What a hook calls, once per component."""

    def __call__(self, name: str, factory: str, options: type[msgspec.Struct] = NoOptions, *, doc: str = "") -> None:
        """Registers one component.

        Args:
            name: The user's word for it in the configuration: lower case, unique within its role.
            factory: ``module:callable``; called with an instance of `options` and the component's `Host`.
            options: The Struct of its options; refuses unknown fields.
            doc: One line for `llm-obs plugins`.
        """


class Registration(msgspec.Struct, frozen=True):
    """One component that a plugin offers."""

    role: str
    name: str
    factory: str
    options: type[msgspec.Struct]
    plugin: str
    doc: str = ""

    def fit(self, options: Mapping[str, Any] | None = None, *, where: str = "") -> msgspec.Struct:
        """The options Struct of a section of the configuration; imports nothing.

        Args:
            options: A mapping from the configuration.
            where: The configuration path of the options, for errors.

        Raises:
            ConfigError: The options do not fit.
            PluginError: The Struct itself is wrong.
        """
        path = where or f"{self.role}s.{self.name}"
        options = dict(options or {})
        try:
            return msgspec.convert(options, self.options, strict=False)
        except TypeError as error:  # a Struct that msgspec cannot read: the plugin's mistake
            raise PluginError(
                "options that msgspec can read",
                got=str(error),
                where=f"{self.options.__module__}.{self.options.__qualname__}",
                fix=f"correct the plugin {self.plugin}",
            ) from error
        except msgspec.ValidationError as error:
            wrong = find(options, self.options, path) or Wrong(
                path, f"options of {self.role} {self.name!r}", str(error)
            )
            raise ConfigError(
                wrong.expected, got=wrong.got, where=wrong.path, fix=f"correct the section [{path}]"
            ) from None

    def make(self, options: Mapping[str, Any] | msgspec.Struct | None, host: Host, *, where: str = "") -> Any:
        """Imports the factory and calls it.

        Args:
            options: A mapping from the configuration, or an instance of the options Struct.
            host: What the process offers to the component.
            where: The configuration path of the options, for errors.

        Raises:
            ConfigError: The options do not fit.
            PluginError: The factory cannot be imported, or is not of the form `factory(options, host)`.
        """
        if not isinstance(options, msgspec.Struct):
            options = self.fit(options, where=where)
        module, _, attribute = self.factory.partition(":")
        try:
            factory = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise PluginError(
                f"{self.role} {self.name!r} at {self.factory}",
                got=f"{type(error).__name__}: {error}",
                where=f"plugin {self.plugin}",
                fix="install the plugin with its dependencies, or remove it from the configuration",
            ) from error
        self._check(factory, options, host)
        return factory(options, host)

    def _check(self, factory: Any, options: msgspec.Struct, host: Host) -> None:
        """Refuses what cannot be called with options and host, such as a factory of an older llm-obs."""
        try:
            signature = inspect.signature(factory)
        except ValueError:  # a builtin that says nothing of itself
            return
        except TypeError:
            found = f"{type(factory).__name__} {factory!r}, which cannot be called"
        else:
            try:
                signature.bind(options, host)
            except TypeError:
                found = f"{self.factory.partition(':')[2]}{signature}"
            else:
                return
        raise PluginError(
            "a factory of the form factory(options, host)",
            got=found,
            where=f"{self.factory} of plugin {self.plugin}",
            fix="give it these two parameters, or install a version of the plugin that was made for this llm-obs",
        )


class LoadedPlugin(msgspec.Struct, frozen=True):
    """One line of `llm-obs plugins`: what was found under the entry-point group."""

    name: str
    distribution: str
    version: str
    error: str = ""


class Plugins:
    """The registrations of all plugins that could be loaded."""

    def __init__(self, loaded: Iterable[LoadedPlugin], registrations: Iterable[Registration]) -> None:
        self.loaded = tuple(loaded)
        self.registrations = tuple(registrations)

    def names(self, role: str) -> tuple[str, ...]:
        """The names registered for a role, in order of loading."""
        return tuple(item.name for item in self.registrations if item.role == role)

    def get(self, role: str, name: str, *, where: str = "") -> Registration:
        """One registration.

        Raises:
            PluginError: No loaded plugin offers it; the text names those that do and the plugins that failed.
        """
        for item in self.registrations:
            if item.role == role and item.name == name:
                return item
        listed = ", name it in LLM_OBS_PLUGINS" if "LLM_OBS_PLUGINS" in os.environ else ""
        failed = [f"{plugin.name} ({plugin.error})" for plugin in self.loaded if plugin.error]
        raise PluginError(
            f"a {role} out of: {', '.join(self.names(role)) or 'none installed'}",
            got=repr(name) + (f"; plugins that could not be loaded: {', '.join(failed)}" if failed else ""),
            where=where or f"{role}s.{name}",
            fix=f"install the plugin that offers {name!r} (`llm-obs plugins` lists what is there){listed} or correct "
            "the name",
        )


def load(*, only: Iterable[str] | None = None, modules: Mapping[str, Any] | None = None) -> Plugins:
    """Loads every installed plugin, each in its own try.

    Args:
        only: Names of installed plugins to load, llm-obs's own (`bundled`, `genai`, `pii`, …) among them; None reads
            the environment variable ``LLM_OBS_PLUGINS`` (comma separated) and, when that is unset, loads all.
        modules: Plugin modules given by the caller, by name, loaded before the installed ones.
    """
    names = None if only is None else set(only)
    if names is None and (listed := os.environ.get("LLM_OBS_PLUGINS")) is not None:
        names = {name.strip() for name in listed.split(",") if name.strip()}
    found: list[tuple[str, str, str, Callable[[], Any]]] = [
        (name, "given", "", lambda module=module: module)  # type: ignore[misc]
        for name, module in (modules or {}).items()
    ]
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        if names is None or entry.name in names:
            dist = entry.dist
            found.append((entry.name, dist.name if dist else "", dist.version if dist else "", entry.load))
    loaded: list[LoadedPlugin] = []
    registrations: list[Registration] = []
    for name, distribution, version, load_module in found:
        try:
            mine = _registrations(name, load_module())
            _refuse_duplicates(mine, registrations)
        except Exception as error:  # a stranger's code: its failure is reported, not ours
            loaded.append(LoadedPlugin(name, distribution, version, f"{type(error).__name__}: {error}"))
            continue
        loaded.append(LoadedPlugin(name, distribution, version))
        registrations.extend(mine)
    return Plugins(loaded, registrations)


def _registrations(name: str, module: Any) -> list[Registration]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    manager.check_pending()
    found: list[Registration] = []
    for role in ROLES:

        def register(
            component: str,
            factory: str,
            options: type[msgspec.Struct] = NoOptions,
            *,
            doc: str = "",
            role: str = role.name,
        ) -> None:
            if factory.count(":") != 1:
                raise PluginError("a factory as module:callable", got=repr(factory), where=f"plugin {name}")
            found.append(Registration(role, component, factory, options, name, doc))

        getattr(manager.hook, role.hook)(register=register)
    return found


def _refuse_duplicates(new: Iterable[Registration], known: Iterable[Registration]) -> None:
    taken = {(item.role, item.name): item.plugin for item in known}
    for item in new:
        if (owner := taken.get((item.role, item.name))) is not None:
            raise PluginError(
                f"a {item.role} name that is free",
                got=f"{item.name!r}, which plugin {owner} has registered",
                where=f"plugin {item.plugin}",
                fix="uninstall one of the two, or name the plugins to load in LLM_OBS_PLUGINS",
            )
        taken[item.role, item.name] = item.plugin
