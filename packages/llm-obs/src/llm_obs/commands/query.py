"""`llm-obs query`: the query API and the page as a process of their own."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from llm_obs.serving import serve

__all__ = ["query"]


@click.command()
@click.option("--config", "path", type=click.Path(dir_okay=False), help="The TOML file.")
@click.option("--data-dir", help="Folder of the store; server.data_dir when not given.")
@click.option("--listen", help="Address, host:port; query.listen when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as one line of JSON.")
def query(path: str | None, data_dir: str | None, listen: str | None, as_json: bool) -> None:
    """Serve the query API and the page over what the stores hold, beside a collector that writes, until Ctrl-C."""
    from llm_obs_core import config, plugins
    from llm_obs_query.server import QueryServer

    flags = {"server.data_dir": data_dir, "query.listen": listen}
    loaded = config.load(path, overrides={key: value for key, value in flags.items() if value})
    server = QueryServer(loaded, plugins.load())

    def announce() -> None:
        if as_json:
            click.echo(json.dumps({"query": server.address}))
            return
        if loaded.query.page:
            click.echo(f"page       http://{server.address}/")
        click.echo(f"GraphQL    http://{server.address}/graphql")
        click.echo("Ctrl-C ends it.")

    async def start() -> Callable[[], None]:
        await server.start()
        return announce

    serve(start, server.stop)
