"""`llm-obs collect` and `llm-obs log`: receive spans durably, and look at what was received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import click
import msgspec
from llm_obs_core import config as settings

from llm_obs.serving import forget_running, note_running, serve

__all__ = ["collect", "log"]

IDS = ("trace_id", "span_id", "parent_span_id")

config_option = click.option("--config", "path", type=click.Path(dir_okay=False), help="The TOML file.")
data_option = click.option("--data-dir", help="Folder of the log; server.data_dir when not given.")


def _load(path: str | None, data_dir: str | None) -> settings.Config:
    return settings.load(path, overrides={"server.data_dir": data_dir} if data_dir else None)


@click.command()
@config_option
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def collect(path: str | None, data_dir: str | None, as_json: bool) -> None:
    """Receive OTLP over HTTP and gRPC, keep it in the durable log, and feed the sinks from there, until Ctrl-C."""
    from llm_obs_collector.server import Collector

    loaded = _load(path, data_dir)
    collector = Collector(loaded)

    async def start() -> Callable[[], None]:
        await collector.start()
        note_running(loaded.server.data_dir, collector.addresses)
        return announce

    async def stop() -> None:
        await collector.stop()
        forget_running(loaded.server.data_dir)

    def announce() -> None:
        if as_json:
            click.echo(json.dumps(collector.addresses))
            return
        for name, address in collector.addresses.items():
            click.echo(f"OTLP/{name:4}  {address}")
        click.echo(f"log        {loaded.server.data_dir}/log/{loaded.server.writer}")
        click.echo("Ctrl-C ends it; `llm-obs log` shows what was received.")

    serve(start, stop)


@click.command()
@config_option
@data_option
@click.option("--last", default=20, show_default=True, help="How many spans, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print whole spans, one JSON object a line.")
def log(path: str | None, data_dir: str | None, last: int, as_json: bool) -> None:
    """What the log holds, while no collector has it open."""
    loaded = _load(path, data_dir)
    spans = asyncio.run(_spans(loaded, last))
    if as_json:
        for span in spans:
            click.echo(msgspec.json.encode(span, enc_hook=repr))
        return
    from llm_obs.commands.output import show

    rows: list[dict[str, Any]] = [
        {
            "trace": span["trace_id"][:12],
            "span": span["name"],
            "service": span["resource"].get("service.name"),
            "model": span["attributes"].get("gen_ai.response.model") or span["attributes"].get("gen_ai.request.model"),
            "ms": f"{(span['end_ns'] - span['start_ns']) / 1e6:.1f}",
            "status": ("unset", "ok", "error")[span["status_code"]] if 0 <= span["status_code"] < 3 else "unknown",
        }
        for span in spans
    ]
    show(
        rows,
        as_json=False,
        empty="the log is empty; send it something: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
    )


async def _spans(loaded: settings.Config, last: int) -> list[dict[str, Any]]:
    from collections import deque

    from llm_obs_collector.log import FileLog
    from llm_obs_core_ext.scan import scan

    opened = FileLog(f"{loaded.server.data_dir}/log", loaded.server.writer, loaded.log)
    await opened.start()
    found: deque[dict[str, Any]] = deque(maxlen=last)
    try:
        if opened.holds_records:
            async for item in opened.read("llm-obs log", None):
                for span in scan(item.record.payload).spans():
                    row = msgspec.structs.asdict(span)
                    row |= {
                        name: row[name].hex() if row[name] else None
                        for name in ("trace_id", "span_id", "parent_span_id")
                    }
                    row |= {name: [msgspec.to_builtins(part) for part in row[name]] for name in ("events", "links")}
                    found.append(row | {"tenant": item.record.tenant})
                if not opened.backlog(item.position):
                    break
    finally:
        await opened.stop()
    return list(found)
