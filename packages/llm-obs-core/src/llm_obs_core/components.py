"""From names in the configuration to components: the one way that every process and every role takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError
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
            PluginError: It cannot be imported, or its factory is none.
            ConfigError: It refuses its options.
        """
        host = host_of(self.role.name, self.name)
        return cast(T, self.registration.make(self.options, host, where=self.where))


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
