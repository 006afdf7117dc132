"""`llm-obs lake`: what a lake holds, and merging it while no collector runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
import msgspec
from llm_obs_core import plugins
from llm_obs_core.components import components
from llm_obs_core.config import load
from llm_obs_core.errors import ConfigError, StoreError
from llm_obs_core.interfaces import Host
from llm_obs_core.plugins import NoOptions
from llm_obs_core.roles import SINK

from llm_obs_lake.config import LakeOptions

if TYPE_CHECKING:
    from llm_obs_lake.catalog import Segment
    from llm_obs_lake.folder import Folder
    from llm_obs_lake.plan import Unit

__all__ = ["make"]

Command = TypeVar("Command", bound=Callable[..., Any])

_LATE_NS = 2**62  # every day is over then, so all that fits together is merged


def make(options: NoOptions, host: Host) -> click.Command:
    """The factory of the command `lake`."""
    return lake


@click.group()
def lake() -> None:
    """Look at the embedded store, or merge it."""


def _options(command: Command) -> Command:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--sink", help="Section under [sinks]; the first lake when not given."),
        click.option("--data-dir", help="The data folder; server.data_dir when not given."),
        click.option(
            "--config",
            "path",
            type=click.Path(dir_okay=False),
            help="The TOML file; llm-obs.toml in this folder when not given.",
        ),
    ):
        command = option(command)
    return command


@lake.command()
@_options
def segments(path: str | None, data_dir: str | None, sink: str | None, as_json: bool) -> None:
    """List the segments, oldest first."""
    from llm_obs_lake.catalog import Catalog
    from llm_obs_lake.plan import units

    folder, _ = _found(path, data_dir, sink)
    catalog = Catalog(folder.catalog, write=False)
    try:
        found = units(catalog.snapshot().segments)
    finally:
        catalog.close()
    if as_json:
        _print_json([_row(unit) for unit in found])
        return
    heads = ["tenant", "arrived", "spans", "MB", "positions", "tier"]
    lines = [
        [
            unit.head.tenant,
            f"{datetime.fromtimestamp(unit.arrived_ns // 10**9, UTC):%Y-%m-%d %H:%M}",
            f"{unit.files['spans'].rows if 'spans' in unit.files else 0:,}",
            f"{sum(file.size_bytes for file in unit.files.values()) / 1e6:.1f}",
            _positions(unit.head),
            unit.head.tier,
        ]
        for unit in found
    ]
    _print_table(heads, lines) if lines else click.echo("no segments")


@lake.command()
@_options
def merge(path: str | None, data_dir: str | None, sink: str | None, as_json: bool) -> None:
    """Merge segments as far as it goes, as is done when a day is over.

    The collector must not run: it holds the store, and merges by itself.
    """
    from llm_obs_lake.upkeep import Upkeep

    folder, options = _found(path, data_dir, sink)
    folder.open()
    try:
        options = msgspec.structs.replace(options, merge=True, retention_days=None)
        upkeep = Upkeep(folder, options, now_ns=lambda: _LATE_NS)
        try:
            done = upkeep.round()
        finally:
            upkeep.close()
    finally:
        folder.close()
    if as_json:
        _print_json(done._asdict())
        return
    click.echo(f"{done.merged} segments were merged into others, {done.removed} files removed")
    if done.kept:
        click.echo(f"{done.kept} files are kept for who reads them; the next round of upkeep removes them")


def _found(path: str | None, data_dir: str | None, sink: str | None) -> tuple[Folder, LakeOptions]:
    from llm_obs_lake.folder import Folder

    config = load(path, overrides={} if data_dir is None else {"server.data_dir": data_dir})
    lakes = {
        item.name: cast(LakeOptions, item.options)
        for item in components(SINK, plugins.load(), config)
        if item.registration.options is LakeOptions
    }
    options = lakes.get(sink) if sink is not None else next(iter(lakes.values()), None)
    if options is None:
        raise ConfigError(
            f"a lake out of: {', '.join(lakes) or 'none'}" if sink else "a sink of type lake",
            got=repr(sink) if sink else "none",
            where="sinks",
            fix="correct --sink, or the configuration",
        )
    folder = Folder(options.folder_in(Path(config.server.data_dir)))
    if not folder.catalog.exists():
        raise StoreError(
            "a lake",
            got="none",
            where=str(folder.path),
            fix="start `llm-obs up` or the collector, which make it, or correct --data-dir",
        )
    return folder, options


def _positions(file: Segment) -> str:
    part = f" part {file.part}" if file.part else ""
    return f"{file.writer}/{file.partition}/{file.stream}/{file.first_sequence}-{file.last_sequence}{part}"


def _row(unit: Unit) -> dict[str, Any]:
    """One segment; 64-bit integers are strings."""
    head = unit.head
    return {
        "tenant": head.tenant,
        "tier": head.tier,
        "writer": head.writer,
        "partition": head.partition,
        "stream": head.stream,
        "firstSequence": str(head.first_sequence),
        "lastSequence": str(head.last_sequence),
        "part": head.part,
        "schema": head.schema,
        "receivedNs": str(head.received_ns),
        "minStartNs": str(min(file.min_start_ns for file in unit.files.values())),
        "maxStartNs": str(max(file.max_start_ns for file in unit.files.values())),
        "files": {
            kind: {"path": file.path, "rows": file.rows, "bytes": file.size_bytes} for kind, file in unit.files.items()
        },
    }


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def _print_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for line in (heads, *lines):
        cells = [
            text.rjust(width) if head in ("spans", "MB") else text.ljust(width)
            for head, text, width in zip(heads, line, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())
