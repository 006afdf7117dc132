"""`llm-obs plugins`: what is installed, and what could not be loaded."""

from __future__ import annotations

import click
from llm_obs_core import plugins as loading

from llm_obs.commands.output import show
from llm_obs.options import json_option

__all__ = ["plugins"]


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """List what each plugin offers, and why one was not loaded."""
    found = loading.load()
    origins = {item.name: f"{item.distribution or item.name} {item.version}".strip() for item in found.loaded}
    rows = [
        {
            "role": item.role,
            "name": item.name,
            "plugin": item.plugin,
            "distribution": origins[item.plugin],
            "meaning": item.doc,
        }
        for item in found.registrations
    ]
    rows += [
        {
            "role": "-",
            "name": "-",
            "plugin": item.name,
            "distribution": origins[item.name],
            "meaning": f"could not be loaded: {item.error}",
        }
        for item in found.loaded
        if item.error
    ]
    show(rows, as_json=as_json, empty="no plugin is installed")
