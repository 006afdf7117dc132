"""`llm-obs ledger`: where every span went, as the running collector says."""

from __future__ import annotations

import sys
from typing import Any

import click
import msgspec
from llm_obs_core import config as settings
from llm_obs_core.errors import LlmObsError

from llm_obs.asking import ask, key_option, running_url, url_option
from llm_obs.commands.output import console, json_option, table
from llm_obs.human import clean

__all__ = ["ledger"]


@click.command()
@click.option("--config", "path", type=click.Path(dir_okay=False), help="The TOML file.")
@click.option("--data-dir", help="The collector's data folder; server.data_dir when not given.")
@url_option
@key_option
@json_option
def ledger(path: str | None, data_dir: str | None, url: str | None, key: str | None, as_json: bool) -> None:
    """Show where every span went since the collector started; status 1 when the sums do not agree."""
    folder = settings.load(path, overrides={"server.data_dir": data_dir} if data_dir else None).server.data_dir
    url = url or running_url(folder)
    if url is None:
        raise LlmObsError("a running collector", got="none", where=folder, fix="start one: `llm-obs up`, or give --url")
    found = ask(url, "/ledger", key)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        _print(found)
    if not found["exact"]:
        sys.exit(1)


def _print(found: dict[str, Any]) -> None:
    from rich.text import Text

    out = console()
    received = found["collector"]
    made = table()
    for name in ("received", "= logged", "+ duplicate", "+ rejected"):
        made.add_column(name, justify="right")
    made.add_row(
        f"{received['received']:,}",
        f"{received['logged']:,}",
        f"{received['duplicate']:,}",
        _split(received["rejected"]),
    )
    out.print(made)
    if not found["sinks"]:
        out.print("\nno sink is fed")
        return
    made = table()
    made.add_column("sink", no_wrap=True)
    for name in ("logged", "+ recovered", "= stored", "+ queued", "+ dead letters", "+ not routed", "+ lost"):
        made.add_column(name, justify="right")
    for name in ("state", "behind", "sums"):
        made.add_column(name)
    for name, account in found["sinks"].items():
        counts, status = account["counts"], account["status"]
        state = status["state"] if status["breaker"] == "closed" else f"{status['state']}, breaker {status['breaker']}"
        made.add_row(
            name,
            f"{counts['logged']:,}",
            f"{counts['recovered']:,}",
            f"{counts['stored']:,}",
            f"{counts['queued']:,}",
            _split(counts["dead_letter"]),
            _split(counts["not_routed"]),
            f"{counts['lost']:,}",
            Text(state, style="red" if status["trouble"] else ""),
            f"{status['behind_s']:.1f} s" if status["behind_s"] else "-",
            Text("exact", style="green") if account["exact"] else Text("WRONG", style="bold red"),
        )
    out.print()
    out.print(made)
    for name, account in found["sinks"].items():
        if account["status"]["trouble"]:
            out.print(clean(f"\n{name}: {account['status']['trouble']}"))
        if account["dead_letter_files"]:
            out.print(f"\n{name}: {account['dead_letter_files']} dead letters; `llm-obs dead-letters` lists them")


def _split(counts: dict[str, int]) -> str:
    if not counts:
        return "0"
    return "\n".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
