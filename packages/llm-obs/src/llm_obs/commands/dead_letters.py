"""`llm-obs dead-letters`: what a sink would not take, and offering it again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from llm_obs_core.config import Config
from llm_obs_core.errors import LlmObsError

from llm_obs.asking import ask, key_option, running_url, url_option
from llm_obs.commands.output import show
from llm_obs.human import moment
from llm_obs.options import config_option, data_option, json_option, loaded
from llm_obs.serving import configure_logs

if TYPE_CHECKING:
    from llm_obs_collector.sinks.letters import DeadLetters

__all__ = ["dead_letters"]

sink_option = click.option("--sink", "sinks", multiple=True, help="Of this sink alone; may be given more than once.")


@click.group(invoke_without_command=True)
@config_option
@data_option("The collector's data folder")
@sink_option
@json_option
@click.pass_context
def dead_letters(
    context: click.Context, path: str | None, data_dir: str | None, sinks: tuple[str, ...], as_json: bool
) -> None:
    """List the spans that a sink would not take.

    They are kept until they are sent again, or their files removed.
    """
    configure_logs()
    if context.invoked_subcommand is not None:
        return
    letters = [
        {"id": letter.id, **msgspec.structs.asdict(letter)}
        for kept in _kept(loaded(path, data_dir), sinks)
        for letter in kept
    ]
    if as_json:
        rows = [row | {"position": str(row["position"])} for row in letters]
        rows = [row | {name: str(row[name]) for name in ("received_ns", "written_ns")} for row in rows]
        show(rows, as_json=True, empty="")
        return
    rows = [
        {
            "sink": row["sink"],
            "id": row["id"],
            "tenant": row["tenant"],
            "spans": row["spans"],
            "received": moment(row["received_ns"]),
            "cause": row["cause"],
            "reason": row["reason"],
        }
        for row in letters
    ]
    show(rows, as_json=False, empty="no dead letters")


@dead_letters.command()
@click.argument("ids", nargs=-1)
@config_option
@data_option("The collector's data folder")
@sink_option
@url_option
@key_option
@json_option
def send(
    ids: tuple[str, ...],
    path: str | None,
    data_dir: str | None,
    sinks: tuple[str, ...],
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Offer dead letters to their sink again: those of the given IDS, else all.

    They go through the log of the running collector, or, when none runs, into the log for its next start.
    """
    config = loaded(path, data_dir)
    chosen = list(ids) or None
    kept = [letters for letters in _kept(config, sinks) if letters.count()]
    url = url or running_url(config.server.data_dir)
    if url is None:
        rows = asyncio.run(_into_the_log(config, kept, chosen))
    else:
        rows = [
            {"sink": letters.sink, **ask(url, "/dead-letters/send", key, {"sink": letters.sink, "ids": chosen})}
            for letters in kept
        ]
    show(rows, as_json=as_json, empty="no dead letters")


def _kept(config: Config, sinks: Sequence[str]) -> list[DeadLetters]:
    from llm_obs_collector.sinks.letters import DeadLetters

    data_dir = Path(config.server.data_dir)
    there = sorted(folder.name for folder in (data_dir / "dead-letters").glob("*") if folder.is_dir())
    for sink in sinks:
        if sink not in there and sink not in config.sinks:
            raise LlmObsError(
                "a sink", got=repr(sink), where="--sink", fix=f"take one of: {', '.join(there) or 'none'}"
            )
    return [DeadLetters(data_dir, sink) for sink in there if not sinks or sink in sinks]


async def _into_the_log(config: Config, kept: list[DeadLetters], ids: list[str] | None) -> list[dict[str, Any]]:
    from llm_obs_collector.log.configured import configured_log
    from llm_obs_collector.sinks.resend import resend

    log = configured_log(config)
    await log.start()
    try:
        return [{"sink": letters.sink, **msgspec.structs.asdict(await resend(log, letters, ids))} for letters in kept]
    finally:
        await log.stop()
