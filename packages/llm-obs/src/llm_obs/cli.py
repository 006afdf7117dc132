"""The `llm-obs` command."""

from __future__ import annotations

import importlib
import sys
from typing import Final

import click
from llm_obs_core.errors import LlmObsError

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: Final[dict[str, str]] = {
    "collect": "llm_obs.commands.collect:collect",
    "config": "llm_obs.commands.config:config",
    "dead-letters": "llm_obs.commands.dead_letters:dead_letters",
    "demo": "llm_obs.commands.demo:demo",
    "ledger": "llm_obs.commands.ledger:ledger",
    "log": "llm_obs.commands.collect:log",
    "plugins": "llm_obs.commands.plugins:plugins",
    "price": "llm_obs.commands.price:price",
    "query": "llm_obs.commands.query:query",
    "sessions": "llm_obs.commands.sessions:sessions",
    "show": "llm_obs.commands.show:show",
    "spans": "llm_obs.commands.spans:spans",
    "traces": "llm_obs.commands.traces:traces",
    "up": "llm_obs.commands.up:up",
}
"""Command to where it is; plugins add theirs through `register_commands`."""


EXTRAS: Final = {
    "llm_obs_collector": "server",
    "llm_obs_query": "server",
    "llm_obs_lake": "server",
    "llm_obs_openai": "demo",
    "llm_obs_testing": "demo",
    "openai": "demo",
    "structlog": "server",
    "uvloop": "server",
}
"""Module that a command needs to the extra that brings it."""


class _Lazy(click.Group):
    """Imports a command when it is asked for: `llm-obs --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*COMMANDS, *_offered()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (place := COMMANDS.get(cmd_name)) is not None:
            module, _, attribute = place.partition(":")
            found: click.Command = getattr(importlib.import_module(module), attribute)
            return found
        from llm_obs_core import plugins
        from llm_obs_core.components import component
        from llm_obs_core.host import Hosts
        from llm_obs_core.roles import COMMAND, Chosen

        if cmd_name in _offered():
            chosen = Chosen(cmd_name, cmd_name, "the command line", {}, cmd_name)
            return component(COMMAND, plugins.load(), chosen).make(Hosts())
        return None


def _offered() -> tuple[str, ...]:
    from llm_obs_core import plugins

    return plugins.load().names("command")


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="llm-obs", prog_name="llm-obs")
def cli() -> None:
    """Observability for applications that call large language models."""


def main() -> None:
    """Runs the command; a user's mistake ends with one clear line and status 2, never with a traceback."""
    try:
        cli(standalone_mode=True)
    except LlmObsError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if (extra := EXTRAS.get((error.name or "").partition(".")[0])) is None:
            raise
        click.echo(f"error: expected {error.name}, got none; install llm-obs[{extra}]", err=True)
        sys.exit(2)
