"""`llm-obs config`: look at the configuration and check it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from llm_obs_core import config as settings
from llm_obs_core import plugins
from llm_obs_core.components import KeepsFolder, check_folder, components
from llm_obs_core.roles import roles_of

from llm_obs.commands.output import console, show
from llm_obs.options import json_option

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["config"]


@click.group()
def config() -> None:
    """Look at the configuration and check it."""


@config.command("keys")
@json_option
def list_keys(as_json: bool) -> None:
    """Every key: type, default, meaning, and the variable that sets it."""
    every = list(settings.keys())
    if as_json:
        rows = [
            {
                "key": key.path,
                "type": key.type,
                "default": msgspec.to_builtins(key.default),
                "meaning": key.doc,
                "env": key.env,
            }
            for key in every
        ]
        show(rows, as_json=True, empty="")
    elif (out := console()).is_terminal:
        _print_keys(out, every)
    else:
        lines = [
            {"key": key.path, "type": key.type, "default": _default(key), "meaning": key.doc, "variable": key.env}
            for key in every
        ]
        show(lines, as_json=False, empty="")


def _print_keys(out: Console, every: list[settings.ConfigKey]) -> None:
    from rich.padding import Padding
    from rich.text import Text

    section = ""
    for key in every:
        if (first := key.path.partition(".")[0]) != section:
            if section:
                out.print()
            section = first
        out.print(Text.assemble((key.path, "bold"), (f"  {key.type}, {_default(key)}", "dim")))
        out.print(Padding(Text(key.doc), (0, 0, 0, 4), expand=False))
    out.print("\nEach is a variable too: LLM_OBS_RECEIVER__HTTP__LISTEN sets receiver.http.listen.", style="dim")


def _default(key: settings.ConfigKey) -> str:
    value = msgspec.to_builtins(key.default)
    if isinstance(value, dict | list | tuple):  # of a table its names say enough
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)


@config.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False))
@json_option
def check(path: str | None, as_json: bool) -> None:
    """Read the configuration as a start would, and say what is wrong with it.

    PATH is the TOML file; without it, llm-obs.toml in this folder when it is there.
    """
    loaded = settings.load(path)
    installed = plugins.load()
    check_folder(loaded.server.data_dir, "server.data_dir")
    for role in roles_of("collector", "query"):
        for item in components(role, installed, loaded):
            if isinstance(item.options, KeepsFolder):
                check_folder(item.options.folder_in(Path(loaded.server.data_dir)), item.where)
    _make(loaded, installed)
    if as_json:
        show([msgspec.to_builtins(loaded)], as_json=True, empty="")
        return
    if path is None and not Path("llm-obs.toml").is_file():
        click.echo("no llm-obs.toml here; the defaults can be used")
    else:
        click.echo(f"{path or 'llm-obs.toml'} can be used")


def _make(loaded: settings.Config, installed: plugins.Plugins) -> None:
    """Makes what `llm-obs up` starts, as far as it is installed; opens nothing."""
    with suppress(ModuleNotFoundError):
        from llm_obs_collector.server import Collector

        Collector(loaded, installed)
    with suppress(ModuleNotFoundError):
        from llm_obs_query.server import QueryServer

        if loaded.query.enabled:
            QueryServer(loaded, installed)
