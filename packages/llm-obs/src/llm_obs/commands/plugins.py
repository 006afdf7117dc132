"""`llm-obs plugins`: what is installed, and what could not be loaded."""

from __future__ import annotations

import importlib
import importlib.util

import click
from llm_obs_core import builtin
from llm_obs_core import plugins as loading

from llm_obs.commands.output import json_option, show

__all__ = ["plugins"]


@click.command()
@json_option
def plugins(as_json: bool) -> None:
    """What each plugin offers, and why one could not be loaded."""
    modules: dict[str, object] = {"builtin": builtin}
    if importlib.util.find_spec("llm_obs_collector"):
        modules["collector"] = importlib.import_module("llm_obs_collector.builtin")
    found = loading.load(modules=modules)
    versions = {item.name: item.version for item in found.loaded}
    rows = [
        {
            "role": item.role,
            "name": item.name,
            "plugin": f"{item.plugin} {versions[item.plugin]}".strip(),
            "meaning": item.doc,
        }
        for item in found.registrations
    ]
    rows += [
        {"role": "-", "name": "-", "plugin": item.name, "meaning": f"could not be loaded: {item.error}"}
        for item in found.loaded
        if item.error
    ]
    show(rows, as_json=as_json, empty="no plugin is installed")
