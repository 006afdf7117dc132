"""From names in the configuration to components: the one way that every process and every role takes."""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.host import HostOf
from llm_obs_core.plugins import Plugins, Registration
from llm_obs_core.roles import Chosen, Role

__all__ = ["Component", "KeepsFolder", "build", "check_folder", "component", "components"]

T = TypeVar("T")


@runtime_checkable
class KeepsFolder(Protocol):
    """Options of a component that keeps files; `llm-obs config check` looks whether it can."""

    def folder_in(self, data_dir: Path) -> Path:
        """Where it keeps them, given `server.data_dir`."""


class Component(NamedTuple, Generic[T]):
    """A component that is installed and whose options fit; nothing of it is imported yet.

    Attributes:
        name: The section's name.
        role: Its role.
        registration: What is registered under its type.
        options: An instance of the registration's options Struct.
        where: The path of the options, for errors.
    """

    name: str
    role: Role[T]
    registration: Registration
    options: msgspec.Struct
    where: str

    def make(self, host_of: HostOf) -> T:
        """The component itself; its module is imported here.

        Args:
            host_of: Makes its host.

        Raises:
            PluginError: It cannot be imported, its factory is none, or what that returns is no component of the role.
            ConfigError: It refuses its options.
        """
        host = host_of(self.role.name, self.name)
        made = self.registration.make(self.options, host, where=self.where)
        if lacking := _lacking(self.role, made):
            raise PluginError(
                f"a {self.role.name} with {', '.join(lacking)}",
                got=f"a {type(made).__name__} without",
                where=f"{self.registration.factory} of plugin {self.registration.plugin}",
                fix="install a version of the plugin that was made for this llm-obs, or correct it",
            )
        return cast(T, made)


def _lacking(role: Role[T], made: object) -> list[str]:
    """What the protocol of a role has and a component has not."""
    module, _, name = role.protocol.rpartition(":")
    protocol = getattr(importlib.import_module(module or "llm_obs_core.interfaces"), name)
    if not getattr(protocol, "_is_protocol", False):
        return [] if isinstance(made, protocol) else [name]
    members = {
        member: None
        for base in protocol.__mro__
        if getattr(base, "_is_protocol", False)
        for member in (*vars(base), *getattr(base, "__annotations__", ()))
        if not member.startswith("_")
    }
    return [member for member in members if not _has(made, member)]


def _has(made: object, member: str) -> bool:
    try:
        inspect.getattr_static(made, member)  # a property is not asked: the component is not started
    except AttributeError:
        return hasattr(type(made), "__getattr__")  # one that stands before another component
    return True


def component(role: Role[T], installed: Plugins, chosen: Chosen) -> Component[T]:
    """One component of a role.

    Raises:
        PluginError: Nothing is registered under its type.
        ConfigError: Its options do not fit.
    """
    registration = installed.get(role.name, chosen.type, where=chosen.key)
    options = chosen.section
    if options is None or not isinstance(options, registration.options):
        options = registration.fit(chosen.options, where=chosen.where)
    return Component(chosen.name, role, registration, options, chosen.where)


def components(role: Role[T], installed: Plugins, config: Config) -> list[Component[T]]:
    """The components of a role that a configuration names, in order.

    Raises:
        PluginError: One is not installed.
        ConfigError: Its name or its options do not fit.
    """
    return [component(role, installed, chosen) for chosen in (role.choose(config) if role.choose else ())]


def build(role: Role[T], installed: Plugins, config: Config, host_of: HostOf) -> list[tuple[str, T]]:
    """Makes the components of a role that a configuration names: each section's name and the component, in order.

    Raises:
        PluginError: One is not installed, or cannot be made.
        ConfigError: Its name or its options do not fit.
    """
    return [(item.name, item.make(host_of)) for item in components(role, installed, config)]


def check_folder(path: str | Path, where: str) -> None:
    """Says whether a folder is there and can be written, or can be made.

    Raises:
        ConfigError: It cannot, with the key and the repair.
    """
    folder = Path(path).absolute()
    there = next((item for item in (folder, *folder.parents) if item.exists()), Path("/"))
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return
    got = f"{there}, which cannot be written" if there.is_dir() else f"{there}, which is no folder"
    raise ConfigError(
        "a folder that can be written or made", got=got, where=where, fix="correct its owner and mode, or set another"
    )
