"""`llm-obs collect` and `llm-obs log`: receive spans durably, and look at what was received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import click
import msgspec
from llm_obs_core.config import Config

from llm_obs.options import config_option, data_option, loaded
from llm_obs.serving import forget_running, note_running, serve

__all__ = ["collect", "log"]

IDS = ("trace_id", "span_id", "parent_span_id")


@click.command()
@config_option
@data_option("Folder of the log")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def collect(path: str | None, data_dir: str | None, as_json: bool) -> None:
    """Receive spans into the durable log, and feed the sinks.

    OTLP over HTTP and gRPC, until Ctrl-C; `llm-obs up` serves the query API and the page too.
    """
    from llm_obs_collector.server import Collector

    config = loaded(path, data_dir)
    collector = Collector(config)

    async def start() -> Callable[[], None]:
        await collector.start()
        note_running(config.server.data_dir, collector.addresses)
        return announce

    async def stop() -> None:
        await collector.stop()
        forget_running(config.server.data_dir)

    def announce() -> None:
        if as_json:
            click.echo(json.dumps(collector.addresses))
            return
        for name, address in collector.addresses.items():
            click.echo(f"OTLP/{name:4}  {address}")
        click.echo(f"log        {config.server.data_dir}/log/{config.server.writer}")
        click.echo("Ctrl-C ends it; `llm-obs log` shows what was received.")

    serve(start, stop)


@click.command()
@config_option
@data_option("Folder of the log")
@click.option("--last", default=20, show_default=True, help="How many spans, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print whole spans, one JSON object a line.")
def log(path: str | None, data_dir: str | None, last: int, as_json: bool) -> None:
    """Show what the log holds, while no collector has it open."""
    spans = asyncio.run(_spans(loaded(path, data_dir), last))
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


async def _spans(config: Config, last: int) -> list[dict[str, Any]]:
    from collections import deque

    from llm_obs_collector.assembly.ranges import RangeReader
    from llm_obs_collector.log.configured import configured_log
    from llm_obs_core.model import RecordKind, Stream
    from llm_obs_core_ext.scan import scan

    opened = configured_log(config)
    await opened.start()
    found: deque[dict[str, Any]] = deque(maxlen=last)
    feed = opened.feed(Stream.ACCEPTED, "")
    reader = RangeReader(feed)
    try:
        newest = await feed.newest()
        records = reader.each(None, newest.position) if newest is not None else None
        while records is not None and (item := await anext(records, None)) is not None:
            if item.record.kind is not RecordKind.SPANS:
                continue
            for span in scan(item.record.payload, max_spans=2**31 - 1, max_attributes=2**31 - 1).spans():
                row = msgspec.structs.asdict(span)
                row |= {
                    name: row[name].hex() if row[name] else None for name in ("trace_id", "span_id", "parent_span_id")
                }
                row |= {name: [msgspec.to_builtins(part) for part in row[name]] for name in ("events", "links")}
                found.append(row | {"tenant": item.record.tenant})
    finally:
        await reader.close()
        await opened.stop()
    return list(found)
