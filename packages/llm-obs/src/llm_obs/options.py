"""Options that several commands take, and the configuration that they choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from llm_obs_core.config import Config, load

__all__ = ["config_option", "data_option", "json_option", "loaded"]

Command = TypeVar("Command", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "path",
    type=click.Path(dir_okay=False),
    help="The TOML file; llm-obs.toml in this folder when not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def data_option(what: str) -> Callable[[Command], Command]:
    """`--data-dir`, with a command's own word for what is in the folder."""
    return click.option("--data-dir", help=f"{what}; server.data_dir when not given.")


def loaded(path: str | None, data_dir: str | None, more: Mapping[str, Any] | None = None) -> Config:
    """The configuration of a command.

    Args:
        path: `--config`, or None.
        data_dir: `--data-dir`, or None.
        more: Other dotted keys that flags set; those that are None are left alone.

    Raises:
        ConfigError: It cannot be read or used.
    """
    flags = {"server.data_dir": data_dir, **(more or {})}
    return load(path, overrides={key: value for key, value in flags.items() if value is not None})
