"""The roles that components have: how each is offered, configured and used. Everything else reads this table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from llm_obs_core.config import Config, Reader, ReceiverSettings, Sink
from llm_obs_core.errors import ConfigError

if TYPE_CHECKING:
    import click

    from llm_obs_core.interfaces import (
        Instrumentor,
        Log,
        Normalizer,
        Pricer,
        Receiver,
        Scrubber,
    )
    from llm_obs_core.interfaces import Reader as ReaderComponent
    from llm_obs_core.interfaces import Sink as SinkComponent

__all__ = [
    "COMMAND",
    "INSTRUMENTOR",
    "LOG",
    "NORMALIZER",
    "PRICER",
    "READER",
    "RECEIVER",
    "ROLES",
    "SCRUBBER",
    "SINK",
    "Chosen",
    "Part",
    "Role",
    "roles_of",
]

T = TypeVar("T")

Part = Literal["sdk", "collector", "query", "command"]
"""Parts of a process: an application with the SDK, the collector, the query API, the command line."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names of sections are names of files and labels of metrics too."""


class Chosen(NamedTuple):
    """A component that the configuration names.

    Attributes:
        name: Its section's name.
        type: The name that it is registered under.
        key: The key that says so, for errors.
        options: What its options are made from.
        where: The path of the options, for errors.
        section: A section of `Config` that is the options itself, where it is of the registered Struct.
    """

    name: str
    type: str
    key: str
    options: Mapping[str, Any]
    where: str
    section: msgspec.Struct | None = None


class Role(NamedTuple, Generic[T]):
    """One role of components; `T` is what its factories return.

    Attributes:
        name: As `llm-obs plugins` shows it.
        hook: The hook that offers components of it.
        protocol: What a component must be: a name in `llm_obs_core.interfaces`, or a class as module:name.
        part: The part of a process that makes and starts them.
        section: The sections of the configuration that name them, or what names them instead.
        choose: Reads those sections, in order; None where the configuration does not name them.
        needs: Roles that must have a component in the same process; they stand before this one in `ROLES`.
    """

    name: str
    hook: str
    protocol: str
    part: Part
    section: str
    choose: Callable[[Config], Sequence[Chosen]] | None = None
    needs: tuple[str, ...] = ()


def _sections(
    role: str, sections: Mapping[str, Sink] | Mapping[str, Reader] | Mapping[str, ReceiverSettings]
) -> list[Chosen]:
    """The enabled sections `[<role>s.<name>]`."""
    found: list[Chosen] = []
    for name, section in sections.items():
        if not section.enabled:
            continue
        where = f"{role}s.{name}"
        if not NAME.fullmatch(name):
            raise ConfigError(
                "a name of small letters, digits, - and _", got=repr(name), where=where, fix="rename the section"
            )
        key = f"{where}.type" if section.type else where
        found.append(Chosen(name, section.type or name, key, section.options, f"{where}.options"))
    return found


def _listed(named: Sequence[str], options: Mapping[str, Mapping[str, Any]], key: str) -> list[Chosen]:
    """The components that a list names; options of others are refused: a slip would leave them without effect."""
    section = key.partition(".")[0]
    for name in options:
        if name not in named:
            raise ConfigError(
                f"options of one of: {', '.join(named) or 'none'}",
                got=repr(name),
                where=f"{section}.options.{name}",
                fix=f"correct the name, add it to {key}, or remove the section",
            )
    return [Chosen(name, name, key, options.get(name, {}), f"{section}.options.{name}") for name in named]


def _receivers(config: Config) -> list[Chosen]:
    found = [
        Chosen(name, name, f"receiver.{name}", {}, f"receiver.{name}", section)
        for name, section in (("http", config.receiver.http), ("grpc", config.receiver.grpc))
        if section.enabled
    ]
    for name in ("http", "grpc"):
        if name in config.receivers:
            raise ConfigError(
                "a name of its own",
                got=repr(name),
                where=f"receivers.{name}",
                fix=f"rename the section; the built-in receiver is set under [receiver.{name}]",
            )
    return found + _sections("receiver", config.receivers)


def _log(config: Config) -> list[Chosen]:
    return [Chosen("log", config.log.type, "log.type", config.log.options, "log.options", config.log)]


def _pricers(config: Config) -> list[Chosen]:
    own, pricing = [], config.pricing
    if pricing.rules:  # the user's own prices come before every pricer
        own.append(Chosen("rules", "rules", "pricing.rules", {"rules": pricing.rules}, "pricing"))
    return own + _listed(pricing.pricers, pricing.options, "pricing.pricers")


def _scrubbers(config: Config) -> list[Chosen]:
    return _listed(config.scrub.scrubbers, config.scrub.options, "scrub.scrubbers")


def _normalizers(config: Config) -> list[Chosen]:
    return _listed(config.normalize.normalizers, config.normalize.options, "normalize.normalizers")


INSTRUMENTOR: Final[Role[Instrumentor]] = Role(
    "instrumentor", "register_instrumentors", "Instrumentor", "sdk", "init(instrument=)"
)
SCRUBBER: Final[Role[Scrubber]] = Role("scrubber", "register_scrubbers", "Scrubber", "collector", "[scrub]", _scrubbers)
NORMALIZER: Final[Role[Normalizer]] = Role(
    "normalizer", "register_normalizers", "Normalizer", "collector", "[normalize]", _normalizers
)
PRICER: Final[Role[Pricer]] = Role("pricer", "register_pricers", "Pricer", "collector", "[pricing]", _pricers)
LOG: Final[Role[Log]] = Role("log", "register_logs", "Log", "collector", "[log]", _log)
SINK: Final[Role[SinkComponent]] = Role(
    "sink", "register_sinks", "Sink", "collector", "[sinks.<name>]", lambda config: _sections("sink", config.sinks),
    needs=("log",),
)  # fmt: skip
RECEIVER: Final[Role[Receiver]] = Role(
    "receiver", "register_receivers", "Receiver", "collector", "[receiver.http], [receiver.grpc], [receivers.<name>]",
    _receivers, needs=("log",),
)  # fmt: skip
READER: Final[Role[ReaderComponent]] = Role(
    "reader", "register_readers", "Reader", "query", "[readers.<name>]",
    lambda config: _sections("reader", config.readers),
)  # fmt: skip
COMMAND: Final[Role[click.Command]] = Role(
    "command", "register_commands", "click:Command", "command", "the command line"
)

ROLES: Final[tuple[Role[Any], ...]] = (
    INSTRUMENTOR,
    SCRUBBER,
    NORMALIZER,
    PRICER,
    LOG,
    SINK,
    RECEIVER,
    READER,
    COMMAND,
)
"""Every role, in the order in which a process starts them."""


def roles_of(*parts: Part) -> tuple[Role[Any], ...]:
    """The roles that a process of these parts makes and starts, in order."""
    return tuple(role for role in ROLES if role.part in parts)
