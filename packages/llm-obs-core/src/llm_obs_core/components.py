"""From the sections [sinks.<name>] and [readers.<name>] to components: the one way that every process takes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from llm_obs_core.config import Reader, Server, Sink
from llm_obs_core.errors import ConfigError
from llm_obs_core.plugins import Plugins, Registration

__all__ = ["Configured", "check_folder", "check_options", "configured"]

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of sections are names of files and labels of metrics too."""


class Configured(NamedTuple):
    """One enabled section whose component is installed and whose options fit.

    Attributes:
        name: The section's name.
        registration: What is registered under its type.
        options: An instance of the registration's options Struct.
        where: The path of the section, for errors.
    """

    name: str
    registration: Registration
    options: msgspec.Struct
    where: str

    def make(self) -> Any:
        """The component itself; its module is imported here.

        Raises:
            PluginError: It cannot be imported.
            ConfigError: It refuses its options.
        """
        return self.registration.make(self.options, where=f"{self.where}.options")


def configured(
    installed: Plugins, role: Literal["sink", "reader"], sections: Mapping[str, Sink] | Mapping[str, Reader], of: Server
) -> list[Configured]:
    """The enabled sections of a role. Nothing of the components is imported.

    An options Struct with a field `data_dir` or `writer` is given that of `[server]`, unless the section sets it.

    Args:
        installed: The plugins.
        role: Whose sections they are.
        sections: `[sinks]` or `[readers]`.
        of: `[server]`.

    Raises:
        PluginError: Nothing is registered under a section's type.
        ConfigError: Its options or its name do not fit.
    """
    found: list[Configured] = []
    for name, section in sections.items():
        if not section.enabled:
            continue
        where = f"{role}s.{name}"
        if not NAME.fullmatch(name):
            raise ConfigError(
                "a name of small letters, digits, - and _", got=repr(name), where=where, fix="rename the section"
            )
        registration = installed.get(role, section.type or name, where=f"{where}.type" if section.type else where)
        given = {"data_dir": of.data_dir, "writer": of.writer}
        inherited = {key: given[key] for key in given if key in registration.options.__struct_fields__}
        options = registration.fit(inherited | section.options, where=f"{where}.options")
        found.append(Configured(name, registration, options, where))
    return found


def check_options(options: Mapping[str, Any], named: Sequence[str], key: str) -> None:
    """Refuses options of a component that is not used: a slip in its name would leave them without effect.

    Args:
        options: Options by component.
        named: The components that are used.
        key: The key that names them, such as `scrub.scrubbers`.

    Raises:
        ConfigError: Options are of none of them.
    """
    section = key.partition(".")[0]
    for name in options:
        if name not in named:
            raise ConfigError(
                f"options of one of: {', '.join(named) or 'none'}",
                got=repr(name),
                where=f"{section}.options.{name}",
                fix=f"correct the name, add it to {key}, or remove the section",
            )


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
