"""`llm-obs ledger`: where every span went, as the running collector says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec
from llm_obs_core.errors import LlmObsError

from llm_obs.asking import ask, key_option, running_url, url_option
from llm_obs.commands.output import console, table
from llm_obs.human import clean
from llm_obs.options import config_option, data_option, json_option, loaded

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["ledger"]


@click.command()
@config_option
@data_option("The collector's data folder")
@url_option
@key_option
@json_option
def ledger(path: str | None, data_dir: str | None, url: str | None, key: str | None, as_json: bool) -> None:
    """Show where everything went since the collector started.

    The status is 1 when the sums do not agree.
    """
    folder = loaded(path, data_dir).server.data_dir
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
    made.add_column("collector", no_wrap=True)
    made.add_column("items", justify="right")
    made.add_row("  received", f"{received['received']:,}")
    made.add_row("= logged", f"{received['logged']:,}")
    made.add_row("+ repeated", f"{received['repeated']:,}")
    made.add_row("+ rejected", _split(received["rejected"]))
    out.print(made)
    sinks: dict[str, Any] = found["sinks"]
    if not sinks:
        out.print("\nno sink is fed")
        return
    made = table()
    made.add_column("sink", no_wrap=True)
    for name in sinks:
        made.add_column(name, justify="right")
    counts = [account["counts"] for account in sinks.values()]
    made.add_row("  logged", *(f"{each['logged']:,}" for each in counts))
    made.add_row("+ recovered", *(f"{each['recovered']:,}" for each in counts))
    made.add_row("= stored", *(f"{each['stored']:,}" for each in counts))
    made.add_row("+ queued", *(f"{each['queued']:,}" for each in counts))
    made.add_row("+ undecided", *(f"{each['undecided']:,}" for each in counts))
    made.add_row("+ duplicate", *(f"{each['duplicate']:,}" for each in counts))
    made.add_row("+ sampled out", *(_split(each["sampled_out"]) for each in counts))
    made.add_row("+ dead letters", *(_split(each["dead_letter"]) for each in counts))
    made.add_row("+ not routed", *(_split(each["not_routed"]) for each in counts))
    made.add_row("+ lost", *(f"{each['lost']:,}" for each in counts), end_section=True)
    made.add_row("sums", *(_sums(account["exact"]) for account in sinks.values()))
    states = [account["status"] for account in sinks.values()]
    made.add_row("state", *(Text(_state(each), style="red" if each["trouble"] else "") for each in states))
    made.add_row("behind", *(f"{each['behind_s']:.1f} s" if each["behind_s"] else "-" for each in states))
    out.print()
    out.print(made)
    for name, account in sinks.items():
        if account["status"]["trouble"]:
            out.print(clean(f"\n{name}: {account['status']['trouble']}"))
        if account["dead_letter_files"]:
            out.print(f"\n{name}: {account['dead_letter_files']} dead letters; `llm-obs dead-letters` lists them")


def _sums(exact: bool) -> Text:
    from rich.text import Text

    return Text("exact", style="green") if exact else Text("WRONG", style="bold red")


def _state(status: dict[str, Any]) -> str:
    state: str = status["state"]
    return state if status["breaker"] == "closed" else f"{state}, breaker {status['breaker']}"


def _split(counts: dict[str, int]) -> str:
    if not counts:
        return "0"
    return "\n".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
