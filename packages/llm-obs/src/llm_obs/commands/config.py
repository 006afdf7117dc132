"""`llm-obs config`: look at the configuration and check it."""

from __future__ import annotations

import click
import msgspec
from llm_obs_core import config as settings
from llm_obs_core import normalizer, plugins, pricing
from llm_obs_core.components import check_folder, configured
from llm_obs_core.listen import must_be_loopback

from llm_obs.commands.output import json_option, show

__all__ = ["config"]


@click.group()
def config() -> None:
    """Look at the configuration and check it."""


@config.command("keys")
@json_option
def list_keys(as_json: bool) -> None:
    """Every key: type, default, meaning, and the variable that sets it."""
    rows = [
        {
            "key": key.path,
            "type": key.type,
            "default": msgspec.to_builtins(key.default),
            "meaning": key.doc,
            **({"env": key.env} if as_json else {}),
        }
        for key in settings.keys()  # noqa: SIM118  # a function of ours, not a dict's
    ]
    show(rows, as_json=as_json, empty="no keys")


@config.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False))
@json_option
def check(path: str | None, as_json: bool) -> None:
    """Read the configuration as a start would, and say what is wrong with it.

    PATH is the TOML file; without it, llm-obs.toml in this folder when it is there.
    """
    loaded = settings.load(path)
    installed = plugins.load()
    normalizer.configured(installed, loaded.normalize)
    pricing.configured(installed, loaded.pricing)
    check_folder(loaded.server.data_dir, "server.data_dir")
    for item in (
        *configured(installed, "sink", loaded.sinks, loaded.server),
        *configured(installed, "reader", loaded.readers, loaded.server),
    ):
        if folder := getattr(item.options, "path", ""):
            check_folder(folder, f"{item.where}.options.path")
    if not loaded.auth.keys:
        must_be_loopback("receiver.http.listen", loaded.receiver.http.listen)
        must_be_loopback("receiver.grpc.listen", loaded.receiver.grpc.listen)
        must_be_loopback("query.listen", loaded.query.listen)
    if as_json:
        show([msgspec.to_builtins(loaded)], as_json=True, empty="")
        return
    click.echo(f"{path or 'the configuration'} can be used")
