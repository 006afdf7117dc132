"""`llm-obs query`: the query API and the page as a process of their own."""

from __future__ import annotations

import asyncio
import json
import signal

import click

__all__ = ["query"]


@click.command()
@click.option("--config", "path", type=click.Path(dir_okay=False), help="The TOML file.")
@click.option("--data-dir", help="Folder of the store; server.data_dir when not given.")
@click.option("--listen", help="Address, host:port; query.listen when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as one line of JSON.")
def query(path: str | None, data_dir: str | None, listen: str | None, as_json: bool) -> None:
    """Serve the query API and the page over what the stores hold, beside a collector that writes, until Ctrl-C."""
    import uvloop
    from llm_obs_core import config, plugins
    from llm_obs_query.server import QueryServer

    flags = {"server.data_dir": data_dir, "query.listen": listen}
    loaded = config.load(path, overrides={key: value for key, value in flags.items() if value})

    async def run() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        server = QueryServer(loaded, plugins.load())
        await server.start()
        try:
            if as_json:
                click.echo(json.dumps({"query": server.address}))
            else:
                click.echo(f"GraphQL    http://{server.address}/graphql")
                if loaded.query.page:
                    click.echo(f"page       http://{server.address}/")
                click.echo("Ctrl-C ends it.")
            await ended.wait()
        finally:
            await server.stop()

    uvloop.run(run())
