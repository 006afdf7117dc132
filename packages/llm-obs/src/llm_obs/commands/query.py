"""`llm-obs query`: the query API and the page as a process of their own."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from llm_obs.options import config_option, data_option, loaded
from llm_obs.serving import read_running, serve

__all__ = ["query"]


@click.command()
@config_option
@data_option("Folder of the store")
@click.option("--listen", help="Address, host:port; query.listen when not given.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as one line of JSON.")
def query(path: str | None, data_dir: str | None, listen: str | None, as_json: bool) -> None:
    """Serve the query API and the page, beside a collector.

    They show what the stores of [readers] hold, until Ctrl-C.
    """
    from llm_obs_core import plugins
    from llm_obs_query.server import QueryServer

    config = loaded(path, data_dir, {"query.listen": listen})

    def receivers() -> dict[str, str]:
        running = read_running(config.server.data_dir)
        return (
            {name: running.addresses[name] for name in ("http", "grpc") if name in running.addresses} if running else {}
        )

    server = QueryServer(config, plugins.load(), receivers)

    def announce() -> None:
        if as_json:
            click.echo(json.dumps({"query": server.address}))
            return
        if config.query.page:
            click.echo(f"page       http://{server.address}/")
        click.echo(f"GraphQL    http://{server.address}/graphql")
        click.echo("Ctrl-C ends it.")

    async def start() -> Callable[[], None]:
        await server.start()
        return announce

    serve(start, server.stop)
